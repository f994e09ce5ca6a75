#include "lib/ioapic.h"

#include "lib/io.h"

#define REDIRECTION_TABLE 0x10

uint32_t ioapic_read(uint8_t index)
{
  mmio_write32(IOAPIC_BASE + IOAPIC_SELECT, index);
  return mmio_read32(IOAPIC_BASE + IOAPIC_WINDOW);
}

void ioapic_write(uint8_t index, uint32_t value)
{
  mmio_write32(IOAPIC_BASE + IOAPIC_SELECT, index);
  mmio_write32(IOAPIC_BASE + IOAPIC_WINDOW, value);
}

uint32_t ioapic_entry(uint8_t pin)
{
  return ioapic_read((uint8_t)(REDIRECTION_TABLE + 2 * pin));
}

void ioapic_route(uint8_t pin, uint32_t low, uint8_t destination)
{
  uint8_t index = (uint8_t)(REDIRECTION_TABLE + 2 * pin);
  ioapic_write(index, RTE_MASKED);
  ioapic_write(index + 1, (uint32_t)destination << 24);
  ioapic_write(index, low);
}

void ioapic_mask(uint8_t pin)
{
  uint8_t index = (uint8_t)(REDIRECTION_TABLE + 2 * pin);
  ioapic_write(index, ioapic_read(index) | RTE_MASKED);
}
