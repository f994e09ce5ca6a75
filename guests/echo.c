// Echoes lines of the serial port until the line `quit`. The even lines arrive polled, the odd ones by IRQ 4 through
// the IOAPIC, so that a conversation of two lines uses both. With mode=polled or mode=irq all lines come that way.
#include "lib/args.h"
#include "lib/boot.h"
#include "lib/check.h"
#include "lib/cpu.h"
#include "lib/idt.h"
#include "lib/io.h"
#include "lib/ioapic.h"
#include "lib/lapic.h"
#include "lib/pic.h"
#include "lib/print.h"
#include "lib/serial.h"
#include "lib/strings.h"

#define VECTOR 0x40
#define MAX_LINE 4096
#define RING 4096 // bytes, a power of two

const char guest_name[] = "echo";

enum mode { ALTERNATE, POLLED, IRQ };

static char line[MAX_LINE];

// Filled by the handler, emptied by read_by_interrupt.
static char ring[RING];
static volatile uint32_t ring_head, ring_tail;
static uint32_t interrupts, lost;

static void take_bytes(void)
{
  while (in8(COM1 + UART_LSR) & LSR_DATA_READY) {
    char c = (char)in8(COM1 + UART_DATA);
    if (ring_head - ring_tail == RING)
      lost++;
    else
      ring[ring_head++ % RING] = c;
  }
}

// The IOAPIC entry is edge-triggered: no byte may stay behind in the FIFO, or there would be no further edge.
static void on_serial(struct interrupt_frame *frame)
{
  (void)frame;
  interrupts++;
  while ((in8(COM1 + UART_IIR) & IIR_NONE) == 0)
    take_bytes();
  lapic_eoi();
}

static char read_by_interrupt(void)
{
  while (ring_head == ring_tail)
    wait_for_interrupt();
  return ring[ring_tail++ % RING];
}

// What the interrupt handler has already taken comes first.
static char read_polled(void)
{
  if (ring_head != ring_tail)
    return ring[ring_tail++ % RING];
  return serial_get();
}

static void read_line(bool by_interrupt)
{
  uint32_t length = 0;
  out8(COM1 + UART_IER, by_interrupt ? IER_RECEIVED : 0);
  for (;;) {
    char c = by_interrupt ? read_by_interrupt() : read_polled();
    if (c == '\n' || c == '\r')
      break;
    if (length < MAX_LINE - 1)
      line[length++] = c;
  }
  line[length] = '\0';
}

static enum mode mode_of(const char *command_line)
{
  struct text mode;
  if (!option(command_line, "mode", &mode))
    return ALTERNATE;
  return text_is(mode, "polled") ? POLLED : text_is(mode, "irq") ? IRQ : ALTERNATE;
}

void kmain(const struct boot_info *boot)
{
  enum mode mode = mode_of(boot->command_line);
  uint32_t lines = 0;
  idt_init();
  pic_mask_all();
  lapic_enable();
  serial_init();
  set_handler(VECTOR, on_serial);
  ioapic_route(COM1_IRQ, VECTOR, lapic_id());
  note("ready");
  for (;;) {
    read_line(mode == IRQ || (mode == ALTERNATE && lines % 2 == 1));
    if (string_length(line) == 4 && memcmp(line, "quit", 4) == 0)
      break;
    lines++;
    put_str("echo: ");
    put_str(line);
    put_char('\n');
  }
  out8(COM1 + UART_IER, 0);
  check_dec("lines", true, lines);
  check_dec("lost", lost == 0, lost);
  note_dec("interrupts", interrupts);
  finish();
}
