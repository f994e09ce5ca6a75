// The high precision event timers (IA-PC HPET 1.0a): counter, one-shot and periodic timers, and each way of an
// interrupt. gsi=N is the IOAPIC pin of those that are routed. What is counted is compared so loosely that a busy host passes.
#include "lib/args.h"
#include "lib/boot.h"
#include "lib/check.h"
#include "lib/cpu.h"
#include "lib/idt.h"
#include "lib/io.h"
#include "lib/ioapic.h"
#include "lib/lapic.h"
#include "lib/pic.h"
#include "lib/pit.h"
#include "lib/rtc.h"
#include "lib/smp.h"
#include "lib/wait.h"

#define HPET 0xFED00000u
#define CAPABILITIES (HPET + 0x000)
#define CONFIGURATION (HPET + 0x010)
#define STATUS (HPET + 0x020)
#define COUNTER (HPET + 0x0F0)
#define TIMER_CONFIG(n) (HPET + 0x100 + 0x20 * (n))
#define TIMER_ROUTES(n) (HPET + 0x104 + 0x20 * (n))
#define TIMER_COMPARATOR(n) (HPET + 0x108 + 0x20 * (n))
#define TIMER_FSB(n) (HPET + 0x110 + 0x20 * (n))

#define COUNT_SIZE_64 (1 << 13) // of the capabilities
#define ENABLE 1
#define LEGACY 2

#define LEVEL (1 << 1)
#define INTERRUPT (1 << 2)
#define PERIODIC (1 << 3)
#define SET_VALUE (1 << 6)
#define MODE_32 (1 << 8)
#define ROUTE(pin) ((pin) << 9)
#define FSB (1 << 14)
#define HAS_FSB (1 << 15)

#define MS 100000u // ticks of 10 ns
#define VECTOR 0x61

const char guest_name[] = "hpet";

static volatile uint32_t interrupts;
static uint32_t gsi; // of routed interrupts
static bool acknowledge;

static void on_interrupt(struct interrupt_frame *frame)
{
  interrupts++;
  if (acknowledge)
    mmio_write32(STATUS, 0xFFFFFFFF);
  if (frame->vector == PIC_VECTOR)
    pic_eoi(0);
  else
    lapic_eoi();
}

static void start(uint32_t configuration)
{
  mmio_write32(CONFIGURATION, 0);
  mmio_write64(COUNTER, 0);
  mmio_write32(CONFIGURATION, configuration);
  interrupts = 0;
}

// Halts all, and has what is already on its way served.
static void stop(unsigned timer)
{
  mmio_write32(CONFIGURATION, 0);
  mmio_write32(TIMER_CONFIG(timer), 0);
  mmio_write32(STATUS, 0xFFFFFFFF);
  enable_interrupts();
  for (unsigned i = 0; i < 1000; i++)
    pause();
  disable_interrupts();
}

// Lets time pass, with interrupts served. By the counter's lower half: there may be no other.
static void pass(uint32_t ticks)
{
  uint32_t start = mmio_read32(COUNTER);
  enable_interrupts();
  while (mmio_read32(COUNTER) - start < ticks)
    pause();
  disable_interrupts();
}

static void check_counter(void)
{
  uint64_t capabilities = mmio_read64(CAPABILITIES);
  check_hex("capabilities", mmio_read32(CAPABILITIES) == (uint32_t)capabilities, (uint32_t)capabilities);
  check_dec("period", mmio_read32(CAPABILITIES + 4) == capabilities >> 32, capabilities >> 32);
  mmio_write32(CONFIGURATION, 0);
  mmio_write64(COUNTER, 0x123456789);
  check_hex("counter-halted", mmio_read64(COUNTER) == 0x123456789, mmio_read64(COUNTER));
  mmio_write32(COUNTER + 4, 0);
  mmio_write32(COUNTER, 0xFFFFFFF0);
  mmio_write32(CONFIGURATION, ENABLE);
  pass(100);
  check_hex("counter-carries", mmio_read32(COUNTER + 4) == 1, mmio_read32(COUNTER + 4));
  uint64_t first = mmio_read64(COUNTER);
  pass(1);
  check("counter-counts", mmio_read64(COUNTER) > first);
  mmio_write32(CONFIGURATION, 0);
  first = mmio_read64(COUNTER);
  check("counter-stops", first == mmio_read64(COUNTER));
}

// Legacy replacement: timer 0 is IRQ 0, by IOAPIC and by PIC, and the PIT is not.
static void check_legacy(void)
{
  ioapic_route(IOAPIC_PIT_PIN, VECTOR, lapic_id());
  mmio_write32(TIMER_CONFIG(0), INTERRUPT);
  mmio_write64(TIMER_COMPARATOR(0), MS);
  start(ENABLE | LEGACY);
  check("one-shot", wait_for_count(&interrupts, 1));
  pass(3 * MS);
  check_dec("one-shot-once", interrupts == 1, interrupts);
  stop(0);

  mmio_write32(TIMER_CONFIG(0), INTERRUPT | PERIODIC | SET_VALUE);
  mmio_write64(TIMER_COMPARATOR(0), MS);
  start(ENABLE | LEGACY);
  check("periodic", wait_for_count(&interrupts, 10));
  check("periodic-comparator", mmio_read64(TIMER_COMPARATOR(0)) >= 10 * MS);
  check("periodic-not-early", mmio_read64(COUNTER) >= 10 * MS);
  stop(0);

  start(ENABLE | LEGACY);
  pit_start(0, PIT_RATE, PIT_10_MS);
  pass(30 * MS);
  check_dec("pit-replaced", interrupts == 0, interrupts);
  mmio_write32(CONFIGURATION, ENABLE);
  interrupts = 0;
  check("pit-back", wait_for_count(&interrupts, 2));
  pit_stop();
  pass(20 * MS);
  ioapic_mask(IOAPIC_PIT_PIN);

  ioapic_route(RTC_IRQ, VECTOR, lapic_id());
  mmio_write32(TIMER_CONFIG(1), INTERRUPT);
  mmio_write64(TIMER_COMPARATOR(1), MS);
  start(ENABLE | LEGACY);
  check("timer1-irq8", wait_for_count(&interrupts, 1));
  stop(1);
  ioapic_mask(RTC_IRQ);

  pic_unmask(0);
  lapic_accept_pic(1);
  mmio_write32(TIMER_CONFIG(0), INTERRUPT);
  mmio_write64(TIMER_COMPARATOR(0), MS);
  start(ENABLE | LEGACY);
  check("by-pic", wait_for_count(&interrupts, 1));
  stop(0);
  lapic_accept_pic(0);
  pic_mask_all();
}

static void check_routed(void)
{
  uint32_t routes = mmio_read32(TIMER_ROUTES(2));
  check("route", (routes >> gsi & 1) != 0);
  ioapic_route(gsi, VECTOR | RTE_LEVEL, lapic_id());
  acknowledge = true;
  mmio_write32(TIMER_CONFIG(2), INTERRUPT | LEVEL | ROUTE(gsi));
  mmio_write64(TIMER_COMPARATOR(2), MS);
  start(ENABLE);
  check("level", wait_for_count(&interrupts, 1));
  pass(MS);
  check_dec("level-once", interrupts == 1, interrupts);
  check_hex("level-status", mmio_read32(STATUS) == 0, mmio_read32(STATUS));
  stop(2);

  // Nothing but the status bit.
  mmio_write32(TIMER_CONFIG(2), LEVEL | ROUTE(gsi));
  mmio_write64(TIMER_COMPARATOR(2), MS);
  start(ENABLE);
  pass(2 * MS);
  check_dec("masked", interrupts == 0, interrupts);
  check_hex("masked-status", mmio_read32(STATUS) == 4, mmio_read32(STATUS));
  stop(2);
  acknowledge = false;

  ioapic_route(gsi, VECTOR, lapic_id());
  mmio_write32(TIMER_CONFIG(2), INTERRUPT | PERIODIC | SET_VALUE | ROUTE(gsi));
  mmio_write64(TIMER_COMPARATOR(2), MS);
  start(ENABLE);
  check("edge", wait_for_count(&interrupts, 3));
  check_hex("edge-status", mmio_read32(STATUS) == 0, mmio_read32(STATUS));
  stop(2);
  ioapic_mask(gsi);
}

static void check_message(void)
{
  bool has_fsb = mmio_read32(TIMER_CONFIG(1)) & HAS_FSB;
  check("fsb", has_fsb);
  if (!has_fsb)
    return;
  mmio_write64(TIMER_FSB(1), (0xFEE00000ull | (uint64_t)lapic_id() << 12) << 32 | VECTOR);
  mmio_write32(TIMER_CONFIG(1), INTERRUPT | FSB);
  mmio_write64(TIMER_COMPARATOR(1), MS);
  start(ENABLE);
  check("message", wait_for_count(&interrupts, 1));
  stop(1);
}

static void check_32_bits(void)
{
  mmio_write32(TIMER_CONFIG(2), MODE_32 | INTERRUPT | ROUTE(gsi));
  mmio_write64(TIMER_COMPARATOR(2), 0xFFFFFFFF00000000 | MS);
  check_hex("comparator-32", mmio_read64(TIMER_COMPARATOR(2)) == MS, mmio_read64(TIMER_COMPARATOR(2)));
  ioapic_route(gsi, VECTOR, lapic_id());
  start(ENABLE);
  check("timer-32", wait_for_count(&interrupts, 1));
  stop(2);
  ioapic_mask(gsi);
}

#define CARRIES 50
#define BEFORE_CARRY 0xFFFFF000u
#define CARRY 0x100000000ull

static volatile uint32_t torn;
static volatile bool watched;

// Reads the whole counter while it carries: both halves are of the same moment.
static void watch_carries(uint32_t cpu)
{
  (void)cpu;
  for (uint32_t i = 0; i < CARRIES; i++) {
    uint64_t counter;
    mmio_write32(CONFIGURATION, 0);
    mmio_write64(COUNTER, BEFORE_CARRY);
    mmio_write32(CONFIGURATION, ENABLE);
    do {
      counter = mmio_read64(COUNTER);
      if (counter >= CARRY + BEFORE_CARRY)
        torn++;
    } while (counter < CARRY);
  }
  mmio_write32(CONFIGURATION, 0);
  watched = true;
}

// Where another CPU's exits go another way.
static void check_from_another_cpu(void)
{
  uint8_t ids[MAX_CPUS];
  if (smp_find(ids) == 1 || !(mmio_read32(CAPABILITIES) & COUNT_SIZE_64))
    return;
  check("another-cpu", smp_start(ids[1], 1, watch_carries));
  while (!watched)
    pause();
  check_dec("another-cpu-carries", torn == 0, torn);
}

void kmain(const struct boot_info *boot)
{
  gsi = option_number(boot->command_line, "gsi", 20);
  idt_init();
  pic_init();
  lapic_enable();
  set_handler(VECTOR, on_interrupt);
  set_handler(PIC_VECTOR, on_interrupt);
  check_counter();
  check_legacy();
  check_routed();
  check_message();
  check_32_bits();
  check_from_another_cpu();
  finish();
}
