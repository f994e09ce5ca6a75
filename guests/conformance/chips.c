// The chips of a PC against their data sheets: 16550, HPET, I/O APIC, local APIC and ACPI's fixed hardware.
#include "lib/boot.h"
#include "lib/clause.h"
#include "lib/cpu.h"
#include "lib/idt.h"
#include "lib/io.h"
#include "lib/ioapic.h"
#include "lib/lapic.h"
#include "lib/pit.h"
#include "lib/wait.h"

const char guest_name[] = "chips";

// ---- 16550: COM2, which nobody listens to ----

#define COM2 0x2F8
#define IER 1
#define IIR 2
#define LCR 3
#define MCR 4
#define LSR 5
#define MSR 6
#define SCR 7

static void uart(void)
{
  out8(COM2 + SCR, 0xA5);
  if (in8(COM2 + SCR) != 0xA5) {
    clause_skip("16550/8.10/scratch", "there is no COM2");
    return;
  }
  out8(COM2 + SCR, 0x5A);
  clause_value("16550/8.10/scratch", in8(COM2 + SCR) == 0x5A, in8(COM2 + SCR));
  out8(COM2 + LCR, 0x83);
  out8(COM2, 0x34);
  out8(COM2 + IER, 0x12);
  bool kept = in8(COM2) == 0x34 && in8(COM2 + IER) == 0x12;
  out8(COM2, 1);
  out8(COM2 + IER, 0);
  out8(COM2 + LCR, 3);
  clause("16550/8.3/divisor", kept);
  out8(COM2 + IER, 0);
  out8(COM2 + IIR, 7);
  clause_value("16550/8.5/fifo-id", in8(COM2 + IIR) >> 6 == 3, in8(COM2 + IIR));
  clause_value("16550/8.4/empty", (in8(COM2 + LSR) & 0x60) == 0x60, in8(COM2 + LSR));
  clause_value("16550/8.6/none", (in8(COM2 + IIR) & 1) == 1, in8(COM2 + IIR));

  out8(COM2 + MCR, 0x10);
  out8(COM2, 0x42);
  settle();
  clause_value("16550/8.4/data-ready", (in8(COM2 + LSR) & 1) == 1, in8(COM2 + LSR));
  uint8_t back = in8(COM2);
  clause_value("16550/8.8/loopback", back == 0x42 && (in8(COM2 + LSR) & 1) == 0, back);
  out8(COM2 + MCR, 0x1A); // OUT2 and RTS: DCD and CTS
  uint8_t modem = in8(COM2 + MSR);
  clause_value("16550/8.8/loopback-modem", (modem & 0xF0) == 0x90, modem);
  modem = in8(COM2 + MSR);
  clause_value("16550/8.9/deltas", (modem & 0x0F) == 0, modem);

  out8(COM2 + IER, 2);
  uint8_t cause = in8(COM2 + IIR) & 0x0F;
  uint8_t after = in8(COM2 + IIR) & 0x0F;
  clause_value("16550/8.6/thr-empty", cause == 2 && after == 1, cause << 8 | after);
  out8(COM2 + IER, 3);
  out8(COM2, 0x43);
  settle();
  cause = in8(COM2 + IIR) & 0x0F;
  clause_value("16550/8.6/priority", cause == 4 || cause == 12, cause);
  out8(COM2 + IIR, 3);
  clause_value("16550/8.5/fifo-reset", (in8(COM2 + LSR) & 1) == 0, in8(COM2 + LSR));
  // Without FIFOs there is room for one.
  out8(COM2 + IER, 0);
  out8(COM2 + IIR, 0);
  out8(COM2, 0x44);
  settle();
  out8(COM2, 0x45);
  settle();
  uint8_t first = in8(COM2 + LSR), second = in8(COM2 + LSR);
  clause_value("16550/8.4/overrun", (first & 2) != 0 && (second & 2) == 0, first << 8 | second);
  in8(COM2);
  out8(COM2 + MCR, 0);
}

// ---- HPET ----

#define HPET 0xFED00000u
#define HPET_CONF (HPET + 0x10)
#define HPET_STATUS (HPET + 0x20)
#define HPET_COUNTER (HPET + 0xF0)
#define TIMER_CONF(n) (HPET + 0x100 + 0x20 * (n))
#define TIMER_COMPARATOR(n) (HPET + 0x108 + 0x20 * (n))
#define LEVEL 2
#define PERIODIC 8
#define SET_VALUE 0x40
#define MODE_32 0x100

static bool counter_moves(void)
{
  uint32_t before = mmio_read32(HPET_COUNTER);
  pit_delay(PIT_10_MS / 10);
  return mmio_read32(HPET_COUNTER) != before;
}

static bool status_bit_0(void)
{
  return (mmio_read32(HPET_STATUS) & 1) != 0;
}

static void hpet(void)
{
  uint32_t low = mmio_read32(HPET), period = mmio_read32(HPET + 4);
  if (low == 0xFFFFFFFF || low == 0) {
    clause_skip("hpet/2.3.4/period", "there is no HPET");
    return;
  }
  clause_value("hpet/2.3.4/period", period > 0 && period <= 0x05F5E100, period);
  clause_value("hpet/2.3.4/revision", (low & 0xFF) != 0, low);
  clause_value("hpet/2.3.4/timers", (low >> 8 & 0x1F) >= 2, low);
  clause_value("hpet/2.3.4/vendor", low >> 16 != 0 && low >> 16 != 0xFFFF, low);
  mmio_write32(HPET, ~low);
  clause_value("hpet/2.3.4/capabilities-read-only", mmio_read32(HPET) == low, mmio_read32(HPET));
  mmio_write32(HPET_CONF, 0);
  clause("hpet/2.3.5/halts", !counter_moves());
  mmio_write32(HPET_COUNTER, 0x12345678);
  clause_value("hpet/2.3.7/counter-written", mmio_read32(HPET_COUNTER) == 0x12345678, mmio_read32(HPET_COUNTER));
  mmio_write32(HPET_CONF, 0xFFFFFFFC);
  clause_value("hpet/2.3.5/reserved", mmio_read32(HPET_CONF) == 0, mmio_read32(HPET_CONF));

  // Timer 0 is level-triggered and interrupts nobody: only its status tells of the match.
  mmio_write32(HPET_COUNTER, 0);
  mmio_write32(HPET_COUNTER + 4, 0);
  mmio_write32(TIMER_CONF(0), LEVEL | MODE_32);
  clause_value("hpet/2.3.8/32-bit", (mmio_read32(TIMER_CONF(0)) & MODE_32) != 0, mmio_read32(TIMER_CONF(0)));
  mmio_write32(TIMER_COMPARATOR(0), 10000);
  mmio_write32(HPET_CONF, 1);
  clause("hpet/2.3.5/counts", counter_moves());
  clause("hpet/2.3.6/level-status", wait_until(status_bit_0));
  mmio_write32(HPET_STATUS, 0);
  bool stays = status_bit_0();
  mmio_write32(HPET_STATUS, 1);
  clause("hpet/2.3.6/write-1-clears", stays && !status_bit_0());

  mmio_write32(HPET_CONF, 0);
  mmio_write32(HPET_COUNTER, 0);
  mmio_write32(TIMER_CONF(0), MODE_32);
  mmio_write32(TIMER_COMPARATOR(0), 10000);
  mmio_write32(HPET_CONF, 1);
  settle();
  clause_value("hpet/2.3.6/edge-status", !status_bit_0(), mmio_read32(HPET_STATUS));

  mmio_write32(HPET_CONF, 0);
  mmio_write32(HPET_COUNTER, 0);
  mmio_write32(TIMER_CONF(0), LEVEL | PERIODIC | SET_VALUE | MODE_32);
  mmio_write32(TIMER_COMPARATOR(0), 1000000);
  mmio_write32(TIMER_COMPARATOR(0), 1000000);
  mmio_write32(HPET_CONF, 1);
  wait_until(status_bit_0);
  uint32_t next = mmio_read32(TIMER_COMPARATOR(0));
  clause_value("hpet/2.3.8/periodic", next % 1000000 == 0 && next > 1000000, next);
  mmio_write32(HPET_CONF, 0);
  mmio_write32(TIMER_CONF(0), 0);
  mmio_write32(HPET_STATUS, 1);

  uint32_t routes = mmio_read32(TIMER_CONF(0) + 4);
  bool taken = routes != 0;
  for (uint32_t pin = 0; pin < 32; pin++) {
    if ((routes >> pin & 1) == 0)
      continue;
    mmio_write32(TIMER_CONF(0), pin << 9);
    taken = taken && (mmio_read32(TIMER_CONF(0)) >> 9 & 31) == pin;
  }
  mmio_write32(TIMER_CONF(0), 0);
  clause_value("hpet/2.3.8/routes", taken, routes);
}

// ---- I/O APIC and local APIC ----

#define VECTOR 0x91
#define LOW_VECTOR 0x31
#define PIN 4 // of COM1, which can be made to interrupt
#define COM1 0x3F8

static volatile uint32_t interrupts;
static volatile bool end_it = true;
static volatile uint32_t in_service;

static void on_interrupt(struct interrupt_frame *frame)
{
  // The serial port's line stays where it is until somebody silences it: twice is what is to be seen.
  if (++interrupts >= 2)
    out8(COM1 + IER, 0);
  in_service = lapic_bit(LAPIC_ISR, (uint8_t)frame->vector);
  if (end_it)
    lapic_eoi();
}

static void ioapic(void)
{
  uint32_t id = ioapic_read(IOAPIC_ID), version = ioapic_read(IOAPIC_VERSION);
  ioapic_write(IOAPIC_ID, 0x0A000000);
  clause_value("ioapic/3.2.1/id", ioapic_read(IOAPIC_ID) >> 24 == 0x0A, ioapic_read(IOAPIC_ID));
  ioapic_write(IOAPIC_ID, id);
  clause_value("ioapic/3.2.2/entries", (version >> 16 & 0xFF) == 23, version);
  ioapic_write(IOAPIC_VERSION, ~version);
  clause_value("ioapic/3.2.2/version-read-only", ioapic_read(IOAPIC_VERSION) == version, version);
  uint32_t entry = ioapic_entry(19);
  clause_value("ioapic/3.2.4/masked", (entry & RTE_MASKED) != 0, entry);
  ioapic_route(19, VECTOR | RTE_MASKED | RTE_LEVEL | RTE_REMOTE_IRR | 0x1000, 0);
  entry = ioapic_entry(19);
  clause_value("ioapic/3.2.4/read-only-bits", (entry & (RTE_REMOTE_IRR | 0x1000)) == 0, entry);

  // The serial port drives its pin as long as its transmitter is empty and nobody has read IIR.
  set_handler(VECTOR, on_interrupt);
  interrupts = 0;
  end_it = false;
  ioapic_route(PIN, VECTOR | RTE_LEVEL, lapic_id());
  out8(COM1 + MCR, 0x0B);
  out8(COM1 + IER, 2);
  bool came = wait_for_count(&interrupts, 1);
  entry = ioapic_entry(PIN);
  bool held = (entry & RTE_REMOTE_IRR) != 0;
  settle();
  bool once = interrupts == 1;
  end_it = true;
  lapic_eoi();
  bool again = wait_for_count(&interrupts, 2);
  clause_value("ioapic/3.2.4/level-again", came && once && again, interrupts);
  settle();
  entry = ioapic_entry(PIN);
  clause_value("ioapic/3.2.4/remote-irr", held && (entry & RTE_REMOTE_IRR) == 0, entry);
  interrupts = 0;
  ioapic_route(PIN, VECTOR | RTE_MASKED, lapic_id());
  out8(COM1 + IER, 2);
  settle();
  ioapic_route(PIN, VECTOR, lapic_id());
  settle();
  clause_value("ioapic/3.2.4/masked-edge", interrupts == 0, interrupts);
  out8(COM1 + IER, 0);
  ioapic_mask(PIN);
}

static bool timer_is_0(void)
{
  return lapic_read(LAPIC_TIMER_CURRENT) == 0;
}

static void lapic(void)
{
  uint32_t version = lapic_read(LAPIC_VERSION) & 0xFF;
  clause_value("lapic/11.4.8/version", version >= 0x10 && version <= 0x15, version);
  uint32_t spurious = lapic_read(LAPIC_SVR);
  clause_value("lapic/11.9/spurious", (spurious & 0x1FF) == (0x100 | SPURIOUS_VECTOR), spurious);

  set_handler(LOW_VECTOR, on_interrupt);
  set_handler(VECTOR, on_interrupt);
  interrupts = 0;
  lapic_send(0, VECTOR | ICR_ASSERT | ICR_SELF);
  settle();
  clause_value("lapic/11.6.1/self-ipi", interrupts == 1, interrupts);
  clause("lapic/11.8.4/in-service", in_service && !lapic_bit(LAPIC_ISR, VECTOR));
  lapic_send(0, VECTOR | ICR_ASSERT | ICR_SELF);
  bool pending = lapic_bit(LAPIC_IRR, VECTOR) != 0;
  settle();
  clause("lapic/11.8.4/pending", pending && !lapic_bit(LAPIC_IRR, VECTOR));
  interrupts = 0;
  lapic_write(LAPIC_TPR, 0x40);
  lapic_send(0, LOW_VECTOR | ICR_ASSERT | ICR_SELF);
  settle();
  bool held = interrupts == 0;
  lapic_write(LAPIC_TPR, 0);
  settle();
  clause_value("lapic/11.8.3/task-priority", held && interrupts == 1, interrupts);

  lapic_write(LAPIC_TIMER_DIVIDE, TIMER_DIVIDE_BY_1);
  lapic_write(LAPIC_LVT_TIMER, LVT_MASKED | TIMER_ONE_SHOT | VECTOR);
  lapic_write(LAPIC_TIMER_INITIAL, 100000);
  bool ended = wait_until(timer_is_0);
  settle();
  clause("lapic/11.5.4/one-shot", ended && timer_is_0());
  lapic_write(LAPIC_LVT_TIMER, LVT_MASKED | TIMER_PERIODIC | VECTOR);
  lapic_write(LAPIC_TIMER_INITIAL, 0x10000000);
  bool runs = !timer_is_0();
  lapic_write(LAPIC_TIMER_INITIAL, 0);
  clause("lapic/11.5.4/timer-stops", runs && timer_is_0());
  // Some periods later it is still going.
  lapic_write(LAPIC_TIMER_INITIAL, 1000000);
  settle();
  settle();
  bool going = false;
  for (unsigned i = 0; i < 8; i++)
    going = going || !timer_is_0();
  clause("lapic/11.5.4/periodic", going);
  lapic_write(LAPIC_TIMER_INITIAL, 0);
}

// ---- ACPI: PM1a and the timer at 0x600, where machines by QEMU's and tsvmm's make have them ----

#define PM_STATUS 0x600
#define PM_ENABLE 0x602
#define PM_CONTROL 0x604
#define PM_TIMER 0x608
#define PM_HZ 3579545u

static void power(void)
{
  if (in32(PM_TIMER) == 0xFFFFFFFF) {
    clause_skip("acpi/4.8.3.3/timer-rate", "there is no PM timer at 0x608");
    return;
  }
  uint16_t control = in16(PM_CONTROL);
  clause_value("acpi/4.8.3.2.1/sci-enabled", (control & 1) != 0, control);
  clause_value("acpi/4.8.3.2.1/slp-en-0", (control & 0x2000) == 0, control);
  out16(PM_ENABLE, 0x0120);
  clause_value("acpi/4.8.3.1.2/enable-keeps", (in16(PM_ENABLE) & 0x0120) == 0x0120, in16(PM_ENABLE));
  out16(PM_ENABLE, 0);
  out16(PM_STATUS, 0xFFFF);
  uint16_t status = in16(PM_STATUS);
  clause_value("acpi/4.8.3.1.1/status-clears", (status & 0x0721) == 0, status);
  // Five times 10 ms of the PIT; a busy host makes it more, never less.
  uint32_t before = in32(PM_TIMER);
  out32(PM_TIMER, 0);
  for (unsigned i = 0; i < 5; i++)
    pit_delay(PIT_10_MS);
  uint32_t ticks = (in32(PM_TIMER) - before) & 0xFFFFFF;
  clause_value("acpi/4.8.3.3/timer-read-only", ticks > PM_HZ / 40, ticks);
  clause_value("acpi/4.8.3.3/timer-rate", ticks > PM_HZ / 21 && ticks < PM_HZ, ticks);
}

void kmain(const struct boot_info *boot)
{
  (void)boot;
  clauses_begin();
  uart();
  hpet();
  lapic();
  ioapic();
  power();
  clauses_end();
}
