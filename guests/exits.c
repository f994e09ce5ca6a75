// What one VM exit costs: op=out|in|mmio-read|mmio-write|outsb n=COUNT.
#include "lib/args.h"
#include "lib/boot.h"
#include "lib/check.h"
#include "lib/cpu.h"
#include "lib/idt.h"
#include "lib/io.h"
#include "lib/ioapic.h"
#include "lib/print.h"

#define PORT 0x80 // the POST code port: an access does nothing
#define DEFAULT_COUNT 1000
#define OUTSB_BYTES 64 // a REP OUTSB

const char guest_name[] = "exits";

static void out_loop(uint64_t count)
{
  while (count-- > 0)
    out8(PORT, 0);
}

static void in_loop(uint64_t count)
{
  while (count-- > 0)
    in8(PORT);
}

static void mmio_read_loop(uint64_t count)
{
  while (count-- > 0)
    mmio_read32(IOAPIC_BASE + IOAPIC_WINDOW);
}

static void mmio_write_loop(uint64_t count)
{
  while (count-- > 0)
    mmio_write32(IOAPIC_BASE + IOAPIC_WINDOW, 0);
}

// COUNT bytes, by REP OUTSB of at most 64.
static void outsb_loop(uint64_t count)
{
  static const char bytes[OUTSB_BYTES];
  while (count > 0) {
    uint64_t length = count < OUTSB_BYTES ? count : OUTSB_BYTES;
    count -= length;
    const char *from = bytes;
    __asm__ volatile("rep outsb" : "+S"(from), "+c"(length) : "d"((uint16_t)PORT) : "memory");
  }
}

static const struct {
  const char *name;
  void (*loop)(uint64_t count);
} operations[] = {
  {"out", out_loop},
  {"in", in_loop},
  {"mmio-read", mmio_read_loop},
  {"mmio-write", mmio_write_loop},
  {"outsb", outsb_loop},
};

void kmain(const struct boot_info *boot)
{
  struct text wanted = {"out", 3};
  option(boot->command_line, "op", &wanted);
  uint64_t count = option_number(boot->command_line, "n", DEFAULT_COUNT);
  idt_init();
  mmio_write32(IOAPIC_BASE + IOAPIC_SELECT, IOAPIC_ID);
  for (unsigned i = 0; i < sizeof operations / sizeof *operations; i++) {
    if (!text_is(wanted, operations[i].name))
      continue;
    note("begin");
    uint64_t start = read_tsc();
    operations[i].loop(count);
    uint64_t cycles = read_tsc() - start;
    note("end");
    note_dec("cycles", cycles);
    check_dec(operations[i].name, true, count);
    finish();
  }
  check_text("op", false, boot->command_line);
  finish();
}
