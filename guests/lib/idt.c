#include "lib/idt.h"

#include <stddef.h>

#include "lib/check.h"
#include "lib/cpu.h"
#include "lib/print.h"
#include "start/segments.h"

#define EXCEPTIONS 32
#define STUB_SIZE 16
#define GATE_INTERRUPT 0x8E // present, DPL 0, 64-bit interrupt gate

struct gate {
  uint16_t offset_low, selector;
  uint8_t ist, type;
  uint16_t offset_middle;
  uint32_t offset_high, reserved;
};

extern const char interrupt_stubs[];

static struct gate idt[256];
static interrupt_handler *handlers[256];

static void open_gate(uint32_t vector)
{
  uint64_t stub = (uint64_t)interrupt_stubs + vector * STUB_SIZE;
  idt[vector] = (struct gate){
    .offset_low = (uint16_t)stub,
    .selector = CODE64,
    .type = GATE_INTERRUPT,
    .offset_middle = (uint16_t)(stub >> 16),
    .offset_high = (uint32_t)(stub >> 32),
  };
}

void idt_init(void)
{
  if (idt[0].type == 0)
    for (uint32_t vector = 0; vector < EXCEPTIONS; vector++)
      open_gate(vector);
  struct __attribute__((packed)) {
    uint16_t limit;
    uint64_t base;
  } pointer = {sizeof idt - 1, (uint64_t)idt};
  __asm__ volatile("lidt %0" : : "m"(pointer));
}

void set_handler(uint8_t vector, interrupt_handler *handler)
{
  handlers[vector] = handler;
  if (idt[vector].type == 0)
    open_gate(vector);
}

_Noreturn static void unexpected(const struct interrupt_frame *frame)
{
  // It may have come in the middle of a line.
  put_char('\n');
  check_begin("exception", false);
  put_str("vector=");
  put_dec(frame->vector);
  put_str(",error=");
  put_hex(frame->error_code);
  put_str(",rip=");
  put_hex(frame->rip);
  put_str(",cr2=");
  put_hex(read_cr2());
  check_end();
  finish();
}

// Called by the stubs.
void serve_interrupt(struct interrupt_frame *frame);
void serve_interrupt(struct interrupt_frame *frame)
{
  interrupt_handler *handler = handlers[frame->vector];
  if (handler == NULL)
    unexpected(frame);
  handler(frame);
}
