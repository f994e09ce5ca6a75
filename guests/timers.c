// Every timer of the machine: PIT, RTC, local APIC. Ticks are counted, and compared so loosely that a host passes that
// emulates a million instructions a second.
#include "lib/boot.h"
#include "lib/check.h"
#include "lib/cpu.h"
#include "lib/idt.h"
#include "lib/ioapic.h"
#include "lib/lapic.h"
#include "lib/pic.h"
#include "lib/pit.h"
#include "lib/rtc.h"
#include "lib/wait.h"

#define TICKS 10

#define RTC_VECTOR 0x41
#define LAPIC_VECTOR 0x50
#define PIT_VECTOR 0x60 // of a higher class, so that it is served first when both wait

#define CPUID_TSC_DEADLINE (1u << 24) // leaf 1, ECX

const char guest_name[] = "timers";

static volatile uint32_t pit_ticks, rtc_ticks, lapic_ticks;

// The order in which one-shots arrived.
static volatile uint32_t arrivals;
static volatile uint32_t pit_arrival, lapic_arrival;

static void on_pit(struct interrupt_frame *frame)
{
  pit_ticks++;
  pit_arrival = ++arrivals;
  if (frame->vector == PIC_VECTOR + PIT_IRQ)
    pic_eoi(PIT_IRQ);
  else
    lapic_eoi();
}

static void on_rtc(struct interrupt_frame *frame)
{
  // Reading register C lowers the line; without it there would be no further edge.
  if (rtc_read(RTC_C) & RTC_C_PERIODIC)
    rtc_ticks++;
  if (frame->vector == PIC_VECTOR + RTC_IRQ)
    pic_eoi(RTC_IRQ);
  else
    lapic_eoi();
}

static void on_lapic(struct interrupt_frame *frame)
{
  (void)frame;
  lapic_ticks++;
  lapic_arrival = ++arrivals;
  lapic_eoi();
}

static void wait_10_ms(unsigned times)
{
  enable_interrupts();
  while (times-- > 0)
    pit_delay(PIT_10_MS);
  disable_interrupts();
}

// Channel 0 stopped, and a tick that it had already sent served.
static void quiet_pit(void)
{
  pit_stop();
  wait_10_ms(1);
  pit_ticks = 0;
}

static void check_rate(const char *name)
{
  quiet_pit();
  pit_start(0, PIT_RATE, PIT_10_MS);
  check_dec(name, wait_for_count(&pit_ticks, TICKS), TICKS);
  quiet_pit();
}

// One tick, and no second one in twice the time.
static void check_one_shot(const char *name)
{
  quiet_pit();
  pit_start(0, PIT_ONE_SHOT, PIT_10_MS);
  bool arrived = wait_for_count(&pit_ticks, 1);
  wait_10_ms(2);
  check_dec(name, arrived && pit_ticks == 1, pit_ticks);
  quiet_pit();
}

static void check_pit(void)
{
  ioapic_route(IOAPIC_PIT_PIN, PIT_VECTOR, lapic_id());
  check_rate("pit-rate-ioapic");
  check_one_shot("pit-one-shot-ioapic");
  ioapic_mask(IOAPIC_PIT_PIN);

  pic_unmask(PIT_IRQ);
  lapic_accept_pic(1);
  check_rate("pit-rate-pic");
  check_one_shot("pit-one-shot-pic");
  lapic_accept_pic(0);
  pic_mask_all();
}

// A tick ends HLT.
static void check_halt(void)
{
  ioapic_route(IOAPIC_PIT_PIN, PIT_VECTOR, lapic_id());
  pit_ticks = 0;
  pit_start(0, PIT_RATE, PIT_10_MS);
  uint32_t halts = 0;
  while (pit_ticks < TICKS) {
    wait_for_interrupt();
    halts++;
  }
  check_dec("halt", halts <= TICKS, halts);
  quiet_pit();
  ioapic_mask(IOAPIC_PIT_PIN);
}

static void check_channel_2(void)
{
  pit_gate(false);
  pit_start(2, PIT_ONE_SHOT, PIT_10_MS);
  check("pit2-output-low", !pit_output());
  uint16_t before = pit_count(2);
  uint16_t after = pit_count(2);
  check_dec("pit2-gate-stops", before == after, before);
  pit_gate(true);
  check("pit2-output-high", wait_until(pit_output));
  pit_gate(false);
}

// The periodic interrupt beside a PIT of 100 Hz: nominally 15.6 ticks of the one in 10 of the other.
static void check_rtc(void)
{
  uint8_t a = rtc_read(RTC_A), b = rtc_read(RTC_B);
  ioapic_route(RTC_IRQ, RTC_VECTOR, lapic_id());
  ioapic_route(IOAPIC_PIT_PIN, PIT_VECTOR, lapic_id());
  rtc_ticks = pit_ticks = 0;
  pit_start(0, PIT_RATE, PIT_10_MS);
  rtc_write(RTC_A, RTC_A_DIVIDER | RTC_A_64_HZ);
  rtc_write(RTC_B, b | RTC_B_PERIODIC);
  rtc_read(RTC_C);
  check_dec("rtc-periodic-ioapic", wait_for_count(&rtc_ticks, TICKS), TICKS);
  check_dec("rtc-pit-ratio", pit_ticks >= 2 && pit_ticks <= 200, pit_ticks);
  quiet_pit();
  ioapic_mask(IOAPIC_PIT_PIN);
  ioapic_mask(RTC_IRQ);

  rtc_ticks = 0;
  pic_unmask(RTC_IRQ);
  lapic_accept_pic(1);
  rtc_read(RTC_C);
  check_dec("rtc-periodic-pic", wait_for_count(&rtc_ticks, TICKS), TICKS);
  lapic_accept_pic(0);
  pic_mask_all();
  rtc_write(RTC_A, a & ~RTC_A_UPDATING);
  rtc_write(RTC_B, b);
  rtc_read(RTC_C);
}

// Counts of the local APIC's timer in 10 ms.
static uint32_t calibrate_lapic(void)
{
  lapic_write(LAPIC_TIMER_DIVIDE, TIMER_DIVIDE_BY_1);
  lapic_write(LAPIC_LVT_TIMER, LVT_MASKED | TIMER_ONE_SHOT | LAPIC_VECTOR);
  lapic_write(LAPIC_TIMER_INITIAL, 0xFFFFFFFF);
  uint32_t before = lapic_read(LAPIC_TIMER_CURRENT);
  pit_delay(PIT_10_MS);
  uint32_t counts = before - lapic_read(LAPIC_TIMER_CURRENT);
  lapic_write(LAPIC_TIMER_INITIAL, 0);
  return counts;
}

static void check_lapic(void)
{
  uint32_t counts = calibrate_lapic();
  note_dec("lapic timer counts in 10 ms", counts);
  check("lapic-counts", counts > 0);

  lapic_ticks = 0;
  lapic_write(LAPIC_LVT_TIMER, TIMER_ONE_SHOT | LAPIC_VECTOR);
  lapic_write(LAPIC_TIMER_INITIAL, counts);
  bool arrived = wait_for_count(&lapic_ticks, 1);
  wait_10_ms(2);
  check_dec("lapic-one-shot", arrived && lapic_ticks == 1, lapic_ticks);
  check_dec("lapic-one-shot-ends", lapic_read(LAPIC_TIMER_CURRENT) == 0, lapic_read(LAPIC_TIMER_CURRENT));

  lapic_ticks = 0;
  lapic_write(LAPIC_LVT_TIMER, TIMER_PERIODIC | LAPIC_VECTOR);
  lapic_write(LAPIC_TIMER_INITIAL, counts);
  check_dec("lapic-periodic", wait_for_count(&lapic_ticks, TICKS), TICKS);

  lapic_write(LAPIC_LVT_TIMER, LVT_MASKED | TIMER_PERIODIC | LAPIC_VECTOR);
  wait_10_ms(1); // for a tick that was on its way
  lapic_ticks = 0;
  wait_10_ms(2);
  check_dec("lapic-masked", lapic_ticks == 0, lapic_ticks);
  lapic_write(LAPIC_TIMER_INITIAL, 0);

  // 10 ms of the PIT against 50 ms of the local APIC, started in this order.
  ioapic_route(IOAPIC_PIT_PIN, PIT_VECTOR, lapic_id());
  quiet_pit();
  arrivals = pit_arrival = lapic_arrival = pit_ticks = lapic_ticks = 0;
  pit_start(0, PIT_ONE_SHOT, PIT_10_MS);
  lapic_write(LAPIC_LVT_TIMER, TIMER_ONE_SHOT | LAPIC_VECTOR);
  lapic_write(LAPIC_TIMER_INITIAL, 5 * counts);
  check("order", wait_for_count(&arrivals, 2) && pit_arrival == 1 && lapic_arrival == 2);
  ioapic_mask(IOAPIC_PIT_PIN);
  pit_stop();
  lapic_write(LAPIC_LVT_TIMER, LVT_MASKED);
}

static void check_tsc_deadline(void)
{
  if ((cpuid(1, 0).ecx & CPUID_TSC_DEADLINE) == 0) {
    note("no TSC deadline timer");
    return;
  }
  uint64_t start = read_tsc();
  pit_delay(PIT_10_MS);
  uint64_t cycles = read_tsc() - start;
  lapic_ticks = 0;
  lapic_write(LAPIC_LVT_TIMER, TIMER_TSC_DEADLINE | LAPIC_VECTOR);
  // The mode must be in force before the deadline is written (Intel SDM vol. 3, 11.5.4.1).
  __asm__ volatile("mfence" : : : "memory");
  uint64_t deadline = read_tsc() + cycles;
  write_msr(MSR_TSC_DEADLINE, deadline);
  bool arrived = wait_for_count(&lapic_ticks, 1);
  check("tsc-deadline", arrived && read_tsc() >= deadline);
  check("tsc-deadline-disarms", read_msr(MSR_TSC_DEADLINE) == 0);
  write_msr(MSR_TSC_DEADLINE, read_tsc() - 1);
  check("tsc-deadline-past", wait_for_count(&lapic_ticks, 2));
  lapic_write(LAPIC_LVT_TIMER, LVT_MASKED);
}

void kmain(const struct boot_info *boot)
{
  (void)boot;
  idt_init();
  pic_init();
  lapic_enable();
  set_handler(PIT_VECTOR, on_pit);
  set_handler(RTC_VECTOR, on_rtc);
  set_handler(LAPIC_VECTOR, on_lapic);
  set_handler(PIC_VECTOR + PIT_IRQ, on_pit);
  set_handler(PIC_VECTOR + RTC_IRQ, on_rtc);
  check_pit();
  check_halt();
  check_channel_2();
  check_rtc();
  check_lapic();
  check_tsc_deadline();
  finish();
}
