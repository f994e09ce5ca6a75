// Functions that execute known shares of all instructions, with exits and sleep between them: n=ROUNDS.
#include "lib/args.h"
#include "lib/boot.h"
#include "lib/check.h"
#include "lib/cpu.h"
#include "lib/idt.h"
#include "lib/io.h"
#include "lib/lapic.h"
#include "lib/pic.h"

#define POST_CODE 0x80
#define TIMER_VECTOR 0x50
#define SLEEP 20000 // of the timer's counts
#define DEFAULT_ROUNDS 100

const char guest_name[] = "samples";

static volatile uint32_t ticks;

static void on_timer(struct interrupt_frame *frame)
{
  (void)frame;
  ticks++;
  lapic_eoi();
}

// Two instructions for each of `half`.
#define SPENDER(name, half)                                                     \
  __attribute__((noinline, noclone)) static void name(void)                     \
  {                                                                             \
    uint64_t left = half;                                                       \
    __asm__ volatile("1: dec %0\n\tjnz 1b" : "+r"(left) : : "cc");              \
  }

SPENDER(spend_half, 5000)
SPENDER(spend_three_tenths, 3000)
SPENDER(spend_fifth, 2000)

__attribute__((noinline, noclone)) static void sleep(void)
{
  uint32_t before = ticks;
  lapic_write(LAPIC_TIMER_INITIAL, SLEEP);
  while (ticks == before)
    wait_for_interrupt();
}

void kmain(const struct boot_info *boot)
{
  uint64_t rounds = option_number(boot->command_line, "n", DEFAULT_ROUNDS);
  idt_init();
  pic_mask_all();
  set_handler(TIMER_VECTOR, on_timer);
  lapic_enable();
  lapic_write(LAPIC_TIMER_DIVIDE, TIMER_DIVIDE_BY_1);
  lapic_write(LAPIC_LVT_TIMER, TIMER_ONE_SHOT | TIMER_VECTOR);
  for (uint64_t i = 0; i < rounds; i++) {
    out8(POST_CODE, 1);
    spend_half();
    sleep();
    spend_three_tenths();
    out8(POST_CODE, 2);
    spend_fifth();
    sleep();
  }
  check_dec("rounds", true, rounds);
  finish();
}
