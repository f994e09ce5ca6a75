// Drivers of a PC's chips: serial port, HPET, I/O APIC, local APIC, ACPI's fixed hardware.
#include "drivers/driver.h"

#include "lib/cpu.h"
#include "lib/idt.h"
#include "lib/io.h"
#include "lib/ioapic.h"
#include "lib/lapic.h"

#define COM2 0x2F8
#define LCR 3
#define LCR_8N1 0x03
#define LCR_DLAB 0x80
#define FCR 2
#define FCR_ENABLE 0x01
#define FCR_CLEAR 0x06
#define LSR 5
#define LSR_THRE 0x20

#define HPET 0xFED00000u
#define HPET_CONFIGURATION (HPET + 0x010)
#define HPET_STATUS (HPET + 0x020)
#define HPET_COUNTER (HPET + 0x0F0)
#define HPET_TIMER(n) (HPET + 0x100 + 0x20 * (n))
#define HPET_COMPARATOR(n) (HPET + 0x108 + 0x20 * (n))
#define HPET_ENABLE 1u
#define HPET_INTERRUPT (1u << 2)
#define HPET_PERIODIC (1u << 3)
#define HPET_VAL_SET (1u << 6)
#define HPET_ROUTE(pin) ((unsigned)(pin) << 9)
#define HPET_PIN 20

#define PIN 22
#define MODE(n) ((unsigned)(n) << 8)
#define MODE_SMI 2
#define MODE_RESERVED 3
#define MODE_NMI 4

#define PM1_STATUS 0x600
#define PM1_ENABLE 0x602
#define PM1_CONTROL 0x604
#define PM1_TIMER_ENABLE 1
#define SCI_EN 1

static void drive_uart(void)
{
  if (broken("16550/8.3/loads-divisor"))
    out8(COM2, 'x');
  out8(COM2 + LCR, LCR_DLAB);
  out8(COM2, 1);
  out8(COM2 + 1, 0);
  if (!broken("16550/8.1/dlab"))
    out8(COM2 + LCR, LCR_8N1);
  out8(COM2 + FCR, FCR_CLEAR | (broken("16550/8.5/fcr-enable") ? 0 : FCR_ENABLE));
  if (broken("16550/8.4/lsr-read-only"))
    out8(COM2 + LSR, 0);
  for (const char *c = "hello\n"; *c; c++) {
    while (!(in8(COM2 + LSR) & LSR_THRE))
      ;
    out8(COM2, (uint8_t)*c);
  }
}

static void drive_hpet(void)
{
  uint32_t configuration = mmio_read32(HPET_CONFIGURATION);
  mmio_write32(HPET_CONFIGURATION, configuration & ~HPET_ENABLE);
  mmio_write64(HPET_COUNTER, 0);
  uint32_t timer = mmio_read32(HPET_TIMER(0)) & ~HPET_ROUTE(31);
  uint32_t route = HPET_ROUTE(broken("hpet/2.3.8/valid-route") ? 3 : HPET_PIN);
  uint32_t kind = HPET_PERIODIC | HPET_VAL_SET;
  if (broken("hpet/2.3.8/val-set"))
    kind = HPET_VAL_SET;
  if (broken("hpet/2.3.8/reserved"))
    kind |= 1;
  mmio_write32(HPET_TIMER(0), timer | kind | route | HPET_INTERRUPT);
  mmio_write32(HPET_COMPARATOR(0), 1000000);
  uint32_t reserved = broken("hpet/2.3.5/preserves-reserved") ? 0x100 : 0;
  mmio_write32(HPET_CONFIGURATION, configuration | HPET_ENABLE | reserved);
  if (broken("hpet/2.3.2/boundaries"))
    mmio_read32(HPET_COUNTER + 2);
  if (broken("hpet/2.3.2/read-only"))
    mmio_write32(HPET, 1);
  mmio_write32(HPET_STATUS, broken("hpet/2.3.6/edge-status-0") ? 1 : 0);
  mmio_write32(HPET_STATUS + 4, broken("hpet/2.3.6/reserved") ? 1 : 0);
  if (broken("hpet/2.3.7/halted"))
    mmio_write32(HPET_COUNTER, 0);
  if (broken("hpet/2.3.8/unimplemented"))
    mmio_read32(HPET_TIMER(9));
  mmio_write32(HPET_TIMER(0), timer);
  mmio_write32(HPET_CONFIGURATION, configuration & ~HPET_ENABLE);
}

static void drive_ioapic(void)
{
  uint32_t entry = DRIVER_VECTOR | RTE_LEVEL;
  if (broken("ioapic/3.2.4/reserved-mode"))
    entry |= MODE(MODE_RESERVED);
  if (broken("ioapic/3.2.4/edge-mode"))
    entry |= MODE(MODE_NMI);
  if (broken("ioapic/3.2.4/smi-vector"))
    entry = DRIVER_VECTOR | MODE(MODE_SMI);
  if (broken("ioapic/3.2.4/vector-range"))
    entry = RTE_LEVEL | 5;
  ioapic_route(PIN, entry, lapic_id());
  // The other modes that there are, in the way in which they work.
  ioapic_route(PIN, MODE(MODE_SMI), lapic_id());
  if (broken("ioapic/3.0/window-dword"))
    mmio_read8(IOAPIC_BASE + IOAPIC_WINDOW);
  ioapic_mask(PIN);
}

static void on_interrupt(struct interrupt_frame *frame)
{
  (void)frame;
  lapic_eoi();
  if (broken("lapic/11.8.5/in-service"))
    lapic_eoi();
}

static void drive_lapic(void)
{
  idt_init();
  lapic_enable();
  set_handler(DRIVER_VECTOR, on_interrupt);
  enable_interrupts();
  lapic_send(0, ICR_FIXED | ICR_SELF | DRIVER_VECTOR);
  disable_interrupts();
  lapic_write(LAPIC_LVT_TIMER, TIMER_ONE_SHOT | (broken("lapic/11.5.2/vector") ? 3 : DRIVER_VECTOR));
  lapic_write(LAPIC_LVT_TIMER, LVT_MASKED);
  if (broken("lapic/11.4.1/aligned"))
    lapic_read(LAPIC_TPR + 4);
  if (broken("lapic/11.5.3/reserved"))
    lapic_read(0x040);
}

static void drive_acpi(void)
{
  out16(PM1_STATUS, broken("acpi/4.6.1/event-reserved") ? 0xFFFF : PM1_TIMER_ENABLE);
  out16(PM1_ENABLE, 0);
  uint16_t control = in16(PM1_CONTROL);
  if (broken("acpi/4.8.3.2.1/sci-en"))
    control &= (uint16_t)~SCI_EN;
  if (broken("acpi/4.6.1/control-reserved"))
    control |= 0x10;
  out16(PM1_CONTROL, control);
}

bool drive_chips(void)
{
  drive_uart();
  drive_hpet();
  drive_lapic();
  drive_ioapic();
  drive_acpi();
  return true;
}
