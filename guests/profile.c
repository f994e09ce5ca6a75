// Exits in known numbers from known functions: n=COUNT, the unit of all numbers.
#include "lib/args.h"
#include "lib/boot.h"
#include "lib/check.h"
#include "lib/cpu.h"
#include "lib/io.h"
#include "lib/ioapic.h"

#define POST_CODE 0x80
#define RTC_INDEX 0x70
#define RTC_DATA 0x71
#define RTC_STATUS_D 0x0D
#define NOBODY 0x2A0 // a port that no device claims
#define DEBUG_CONSOLE 0xE9
#define DEFAULT_COUNT 10

const char guest_name[] = "profile";

#define FUNCTION __attribute__((noinline, noclone)) static

// One port write for each.
FUNCTION void write_ports(uint64_t count)
{
  while (count-- > 0)
    out8(POST_CODE, 0x5A);
}

// Two exits for each: a write of the index, a read of the register.
FUNCTION void read_rtc(uint64_t count)
{
  while (count-- > 0) {
    out8(RTC_INDEX, RTC_STATUS_D);
    in8(RTC_DATA);
  }
}

FUNCTION void read_nobody(uint64_t count)
{
  while (count-- > 0)
    in16(NOBODY);
}

FUNCTION void read_mmio(uint64_t count)
{
  while (count-- > 0)
    mmio_read32(IOAPIC_BASE + IOAPIC_WINDOW);
}

FUNCTION void write_mmio(uint64_t count)
{
  while (count-- > 0)
    mmio_write32(IOAPIC_BASE + IOAPIC_SELECT, IOAPIC_ID);
}

// Called by two functions: only a call stack tells them apart. A local in memory makes gcc set up a frame.
FUNCTION void innermost(void)
{
  volatile uint8_t code = in8(POST_CODE);
  (void)code;
}

FUNCTION void from_one(uint64_t count)
{
  while (count-- > 0)
    innermost();
  __asm__ volatile("");
}

FUNCTION void from_another(uint64_t count)
{
  while (count-- > 0)
    innermost();
  __asm__ volatile("");
}

// Guest code that makes no exits: what samples find.
FUNCTION uint64_t compute(uint64_t rounds)
{
  uint64_t sum = 1;
  while (rounds-- > 0)
    sum = sum * 6364136223846793005u + 1442695040888963407u;
  return sum;
}

FUNCTION void marker(const char *text)
{
  while (*text)
    out8(DEBUG_CONSOLE, (uint8_t)*text++);
  out8(DEBUG_CONSOLE, '\n');
}

void kmain(const struct boot_info *boot)
{
  uint64_t n = option_number(boot->command_line, "n", DEFAULT_COUNT);
  uint64_t rounds = option_number(boot->command_line, "rounds", 0);
  marker("begin");
  write_ports(5 * n);
  read_rtc(2 * n);
  read_nobody(3 * n);
  write_mmio(n);
  read_mmio(4 * n);
  from_one(6 * n);
  from_another(n);
  marker("counted");
  if (rounds > 0)
    check_hex("sum", true, compute(rounds));
  check_dec("exits", true, n * (5 + 2 * 2 + 3 + 1 + 4 + 6 + 1));
  finish();
}
