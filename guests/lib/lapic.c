#include "lib/lapic.h"

#include "lib/cpu.h"
#include "lib/idt.h"
#include "lib/io.h"

#define APIC_BASE_ENABLE 0x800
#define SVR_ENABLE 0x100
#define DFR_FLAT 0xFFFFFFFF

// A spurious interrupt has no bit in the ISR, so it gets no EOI (Intel SDM vol. 3, 11.9).
static void ignore_spurious(struct interrupt_frame *frame)
{
  (void)frame;
}

void lapic_enable(void)
{
  uint64_t base = read_msr(MSR_APIC_BASE);
  if ((base & APIC_BASE_ENABLE) == 0)
    write_msr(MSR_APIC_BASE, base | APIC_BASE_ENABLE);
  set_handler(SPURIOUS_VECTOR, ignore_spurious);
  lapic_write(LAPIC_SVR, SVR_ENABLE | SPURIOUS_VECTOR);
  lapic_write(LAPIC_TPR, 0);
  lapic_write(LAPIC_DFR, DFR_FLAT);
  lapic_write(LAPIC_LDR, 1u << (24 + lapic_id() % 8));
  lapic_write(LAPIC_LVT_TIMER, LVT_MASKED);
  lapic_write(LAPIC_LVT_LINT0, LVT_MASKED);
  lapic_write(LAPIC_LVT_LINT1, LVT_MASKED);
}

uint32_t lapic_read(uint32_t offset)
{
  return mmio_read32(LAPIC_BASE + offset);
}

void lapic_write(uint32_t offset, uint32_t value)
{
  mmio_write32(LAPIC_BASE + offset, value);
}

uint8_t lapic_id(void)
{
  return (uint8_t)(lapic_read(LAPIC_ID) >> 24);
}

void lapic_eoi(void)
{
  lapic_write(LAPIC_EOI, 0);
}

uint32_t lapic_bit(uint32_t offset, uint8_t vector)
{
  return lapic_read(offset + vector / 32 * 0x10) >> (vector % 32) & 1;
}

void lapic_send(uint8_t destination, uint32_t command)
{
  lapic_write(LAPIC_ICR_HIGH, (uint32_t)destination << 24);
  lapic_write(LAPIC_ICR_LOW, command | ICR_ASSERT);
  while (lapic_read(LAPIC_ICR_LOW) & ICR_PENDING)
    pause();
}

void lapic_accept_pic(int accept)
{
  lapic_write(LAPIC_LVT_LINT0, accept ? LVT_EXTINT : LVT_EXTINT | LVT_MASKED);
}
