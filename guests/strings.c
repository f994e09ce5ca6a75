// String I/O: REP OUTS and REP INS with counts, both directions, across a page boundary.
#include "lib/boot.h"
#include "lib/check.h"
#include "lib/idt.h"
#include "lib/io.h"
#include "lib/print.h"
#include "lib/serial.h"
#include "lib/strings.h"

#define COM1_SCRATCH (COM1 + 7)
#define MCR_LOOPBACK 0x10
#define DEBUG_CONSOLE 0xE9
#define UNCLAIMED 0x2F00 // a port that no device has
#define PAGE 4096
#define LENGTH 10 // fits into the UART's FIFO
#define GUARD 0x5A

const char guest_name[] = "strings";

// Two pages; `middle` lies so that LENGTH bytes from it cross from one into the other.
static uint8_t pages[2 * PAGE] __attribute__((aligned(PAGE)));
static uint8_t *const middle = pages + PAGE - LENGTH / 2;

static const char text[LENGTH] = "0123456789";

struct registers {
  uint64_t pointer, count;
};

// `down` sets the direction flag for the one instruction.
#define STRING_IO(instruction, pointer_register, down)                                                           \
  static struct registers instruction##_##down(uint16_t port, const void *memory, uint64_t count)              \
  {                                                                                                              \
    uint64_t pointer = (uint64_t)memory;                                                                         \
    __asm__ volatile(#down "; rep " #instruction "; cld"                                                        \
                     : "+" pointer_register(pointer), "+c"(count)                                               \
                     : "d"(port)                                                                                 \
                     : "memory", "cc");                                                                          \
    return (struct registers){pointer, count};                                                                   \
  }

STRING_IO(outsb, "S", cld)
STRING_IO(outsb, "S", std)
STRING_IO(outsw, "S", cld)
STRING_IO(outsw, "S", std)
STRING_IO(outsl, "S", cld)
STRING_IO(insb, "D", cld)
STRING_IO(insb, "D", std)
STRING_IO(insw, "D", cld)
STRING_IO(insw, "D", std)
STRING_IO(insl, "D", cld)

static bool ended_at(struct registers registers, const void *pointer)
{
  return registers.pointer == (uint64_t)pointer && registers.count == 0;
}

static bool all_bytes(const uint8_t *from, unsigned length, uint8_t value)
{
  for (unsigned i = 0; i < length; i++)
    if (from[i] != value)
      return false;
  return true;
}

// Everything outside [from, from + length) still holds the guard.
static bool guard_intact(const uint8_t *from, unsigned length)
{
  return all_bytes(pages, (unsigned)(from - pages), GUARD) &&
         all_bytes(from + length, (unsigned)(pages + sizeof pages - from - length), GUARD);
}

static void set_guard(void)
{
  memset(pages, GUARD, sizeof pages);
}

static void check_serial(void)
{
  static const char line[] = "# REP OUTSB\n";
  while ((in8(COM1 + UART_LSR) & LSR_TRANSMIT_EMPTY) == 0)
    ;
  struct registers after = outsb_cld(COM1, line, sizeof line - 1);
  check_dec("outsb-serial", ended_at(after, line + sizeof line - 1), sizeof line - 1);
}

static void check_debug_console(void)
{
  static const char line[] = "debug console\n";
  struct registers after = outsb_cld(DEBUG_CONSOLE, line, sizeof line - 1);
  check_dec("outsb-debug-console", ended_at(after, line + sizeof line - 1), sizeof line - 1);
}

static bool empty_transmitter(void)
{
  for (unsigned polls = 0; polls < 1000000; polls++)
    if (in8(COM1 + UART_LSR) & 0x40)
      return true;
  return false;
}

static bool received(unsigned length)
{
  // Bytes come back at the line's speed on hardware: look until the last one is there.
  for (unsigned polls = 0; polls < 1000000; polls++)
    if (in8(COM1 + UART_LSR) & LSR_DATA_READY)
      return length > 0;
  return false;
}

// Through the UART's loopback, a byte at a time out and in one REP INSB in: each byte has its place.
static void loop_back(const char *name, bool down)
{
  serial_init();
  empty_transmitter();
  out8(COM1 + UART_MCR, MCR_LOOPBACK);
  set_guard();
  memcpy(middle, text, LENGTH);
  struct registers out = down ? outsb_std(COM1, middle + LENGTH - 1, LENGTH) : outsb_cld(COM1, middle, LENGTH);
  empty_transmitter();
  bool arrived = received(LENGTH);
  set_guard();
  struct registers in = down ? insb_std(COM1, middle + LENGTH - 1, LENGTH) : insb_cld(COM1, middle, LENGTH);
  serial_init();
  const uint8_t *end = down ? middle - 1 : middle + LENGTH;
  bool same = memcmp(middle, text, LENGTH) == 0;
  check_begin(name, arrived && same && ended_at(out, end) && ended_at(in, end) && guard_intact(middle, LENGTH));
  for (unsigned i = 0; i < LENGTH; i++)
    put_hex_byte(middle[i]);
  check_end();
}

// A port that nobody answers reads as ones, at every width.
static void check_in(void)
{
  set_guard();
  struct registers after = insw_cld(UNCLAIMED, middle, LENGTH / 2);
  check("insw", ended_at(after, middle + LENGTH) && all_bytes(middle, LENGTH, 0xFF) && guard_intact(middle, LENGTH));

  set_guard();
  after = insw_std(UNCLAIMED, middle + LENGTH - 2, LENGTH / 2);
  check("insw-down", ended_at(after, middle - 2) && all_bytes(middle, LENGTH, 0xFF) && guard_intact(middle, LENGTH));

  // A word that is itself half on each page.
  uint8_t *odd = pages + PAGE - 1;
  set_guard();
  after = insw_cld(UNCLAIMED, odd, 1);
  check("insw-split-word", ended_at(after, odd + 2) && all_bytes(odd, 2, 0xFF) && guard_intact(odd, 2));

  set_guard();
  after = insl_cld(UNCLAIMED, middle, 2);
  check("insl", ended_at(after, middle + 8) && all_bytes(middle, 8, 0xFF) && guard_intact(middle, 8));

  set_guard();
  after = insb_cld(UNCLAIMED, pages, sizeof pages);
  check_dec("insb-two-pages", ended_at(after, pages + sizeof pages) && all_bytes(pages, sizeof pages, 0xFF),
            sizeof pages);

  set_guard();
  after = insb_cld(UNCLAIMED, middle, 0);
  check("insb-none", ended_at(after, middle) && guard_intact(middle, 0));
}

// The scratch register keeps the last byte; a word to the port below it is two bytes, the upper one for it.
static void check_out(void)
{
  memcpy(middle, text, LENGTH);
  struct registers after = outsb_cld(COM1_SCRATCH, middle, LENGTH);
  check("outsb-last", ended_at(after, middle + LENGTH) && in8(COM1_SCRATCH) == '9');
  after = outsb_std(COM1_SCRATCH, middle + LENGTH - 1, LENGTH);
  check("outsb-down-last", ended_at(after, middle - 1) && in8(COM1_SCRATCH) == '0');
  after = outsw_cld(COM1_SCRATCH - 1, middle, LENGTH / 2);
  check("outsw-last", ended_at(after, middle + LENGTH) && in8(COM1_SCRATCH) == '9');
  after = outsw_std(COM1_SCRATCH - 1, middle + LENGTH - 2, LENGTH / 2);
  check("outsw-down-last", ended_at(after, middle - 2) && in8(COM1_SCRATCH) == '1');
  after = outsl_cld(UNCLAIMED, middle, 2);
  check("outsl", ended_at(after, middle + 8));
}

void kmain(const struct boot_info *boot)
{
  (void)boot;
  idt_init();
  check_serial();
  check_debug_console();
  loop_back("loopback", false);
  loop_back("loopback-down", true);
  check_in();
  check_out();
  finish();
}
