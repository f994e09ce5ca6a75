#include "compute/traps.h"

#include "lib/check.h"
#include "start/segments.h"

#ifdef __x86_64__
#define CODE CODE64
#else
#define CODE CODE32
#endif

#define EXCEPTIONS 32
#define GATE_INTERRUPT 0x8E00 // present, DPL 0; 64- or 32-bit as the mode is

static struct gate {
  uint16_t offset_low, selector, type, offset_high;
#ifdef __x86_64__
  uint32_t offset_top, reserved;
#endif
} idt[256];

static void open_gate(uint8_t vector, word handler)
{
  idt[vector] = (struct gate){
    .offset_low = (uint16_t)handler,
    .selector = CODE,
    .type = GATE_INTERRUPT,
    .offset_high = (uint16_t)(handler >> 16),
#ifdef __x86_64__
    .offset_top = (uint32_t)(handler >> 32),
#endif
  };
}

TRAP static void unexpected(struct trap_frame *frame)
{
  (void)frame;
  check("exception", false);
  finish();
}

void traps_serve(uint8_t vector, trap_handler *handler)
{
  open_gate(vector, (word)handler);
}

void traps_serve_fault(uint8_t vector, fault_handler *handler)
{
  open_gate(vector, (word)handler);
}

void traps_init(void)
{
  for (uint8_t vector = 0; vector < EXCEPTIONS; vector++)
    traps_serve(vector, unexpected);
  struct __attribute__((packed)) {
    uint16_t limit;
    word base;
  } pointer = {sizeof idt - 1, (word)idt};
  __asm__ volatile("lidt %0" : : "m"(pointer));
}
