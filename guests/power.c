// Ends as the command line says: end=exit:N|reset-kbd|reset-cf9|panic|halt|triple|hang. The END line comes first.
#include "lib/args.h"
#include "lib/boot.h"
#include "lib/check.h"
#include "lib/cpu.h"
#include "lib/io.h"

#define KEYBOARD_COMMAND 0x64
#define KEYBOARD_PULSE_RESET 0xFE
#define RESET_CONTROL 0xCF9
#define RESET_HARD 0x02
#define RESET_NOW 0x04
#define PVPANIC 0x505
#define PVPANIC_PANICKED 1

const char guest_name[] = "power";

static uint64_t exit_code;

static void end_exit(void)
{
  out32(DEBUG_EXIT, (uint32_t)exit_code);
}

static void end_reset_kbd(void)
{
  out8(KEYBOARD_COMMAND, KEYBOARD_PULSE_RESET);
}

// The reset bit acts on its way from 0 to 1 (ICH9 data sheet, 13.7.5).
static void end_reset_cf9(void)
{
  out8(RESET_CONTROL, RESET_HARD);
  out8(RESET_CONTROL, RESET_HARD | RESET_NOW);
}

// What pvpanic understands is what it is told: nothing happens where there is none.
static void end_panic(void)
{
  out8(PVPANIC, in8(PVPANIC) & PVPANIC_PANICKED);
}

static void end_halt(void)
{
  halt_for_ever();
}

// An exception with an IDT that has no place for it is a double fault, and that a triple fault.
static void end_triple(void)
{
  struct __attribute__((packed)) {
    uint16_t limit;
    uint64_t base;
  } empty = {0, 0};
  __asm__ volatile("lidt %0; int3" : : "m"(empty));
}

static void end_hang(void)
{
  for (;;)
    __asm__ volatile("");
}

static const struct {
  const char *name;
  void (*end)(void);
} ends[] = {
  {"reset-kbd", end_reset_kbd}, {"reset-cf9", end_reset_cf9}, {"halt", end_halt},
  {"triple", end_triple},       {"hang", end_hang},           {"panic", end_panic},
};

static void (*find_end(struct text wanted))(void)
{
  if (text_starts(wanted, "exit:") && text_number((struct text){wanted.start + 5, wanted.length - 5}, &exit_code))
    return end_exit;
  for (unsigned i = 0; i < sizeof ends / sizeof *ends; i++)
    if (text_is(wanted, ends[i].name))
      return ends[i].end;
  return 0;
}

void kmain(const struct boot_info *boot)
{
  struct text wanted = {"exit:0", 6};
  option(boot->command_line, "end", &wanted);
  void (*end)(void) = find_end(wanted);
  if (end == 0) {
    check_text("end", false, boot->command_line);
    finish();
  }
  check_text("end", true, boot->command_line);
  print_summary();
  end();
  // A reset may take a moment.
  halt_for_ever();
}
