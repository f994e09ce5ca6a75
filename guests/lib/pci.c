#include "lib/pci.h"

#include "lib/io.h"
#include "lib/lapic.h"

#define ADDRESS 0xCF8
#define DATA 0xCFC
#define ENABLE 0x80000000u

static uint16_t select(unsigned slot, unsigned offset)
{
  out32(ADDRESS, ENABLE | slot << 11 | (offset & 0xFC));
  return (uint16_t)(DATA + (offset & 3));
}

uint8_t pci_read8(unsigned slot, unsigned offset)
{
  return in8(select(slot, offset));
}

uint16_t pci_read16(unsigned slot, unsigned offset)
{
  return in16(select(slot, offset));
}

uint32_t pci_read32(unsigned slot, unsigned offset)
{
  return in32(select(slot, offset));
}

void pci_write8(unsigned slot, unsigned offset, uint8_t value)
{
  out8(select(slot, offset), value);
}

void pci_write16(unsigned slot, unsigned offset, uint16_t value)
{
  out16(select(slot, offset), value);
}

void pci_write32(unsigned slot, unsigned offset, uint32_t value)
{
  out32(select(slot, offset), value);
}

uint8_t pci_next_capability(unsigned slot, uint8_t after)
{
  return pci_read8(slot, after == 0 ? PCI_CAPABILITIES : after + 1u);
}

uint8_t pci_capability(unsigned slot, uint8_t id)
{
  uint8_t at = pci_next_capability(slot, 0);
  while (at != 0 && pci_read8(slot, at) != id)
    at = pci_next_capability(slot, at);
  return at;
}

uint64_t pci_bar(unsigned slot, unsigned bar)
{
  uint32_t low = pci_read32(slot, PCI_BAR + 4 * bar);
  if (low & 1)
    return low & ~3u;
  bool wide = (low & 6) == 4;
  return (low & ~15u) | (wide ? (uint64_t)pci_read32(slot, PCI_BAR + 4 * bar + 4) << 32 : 0);
}

uint64_t pci_bar_size(unsigned slot, unsigned bar)
{
  unsigned offset = PCI_BAR + 4 * bar;
  uint16_t command = pci_read16(slot, PCI_COMMAND);
  pci_write16(slot, PCI_COMMAND, command & ~(PCI_COMMAND_IO | PCI_COMMAND_MEMORY));
  uint32_t before = pci_read32(slot, offset);
  pci_write32(slot, offset, 0xFFFFFFFFu);
  uint32_t mask = pci_read32(slot, offset);
  pci_write32(slot, offset, before);
  pci_write16(slot, PCI_COMMAND, command);
  mask &= before & 1 ? ~3u : ~15u;
  return mask == 0 ? 0 : (uint64_t)~mask + 1;
}

bool pci_enable_msix(unsigned slot, unsigned entry, uint8_t vector)
{
  uint8_t capability = pci_capability(slot, PCI_CAPABILITY_MSIX);
  if (capability == 0)
    return false;
  uint32_t table = pci_read32(slot, capability + MSIX_TABLE);
  uintptr_t at = (uintptr_t)pci_bar(slot, table & 7) + (table & ~7u) + MSIX_ENTRY * entry;
  mmio_write32(at + MSIX_ADDRESS, LAPIC_BASE | (uint32_t)lapic_id() << 12);
  mmio_write32(at + MSIX_ADDRESS + 4, 0);
  mmio_write32(at + MSIX_DATA, vector);
  mmio_write32(at + MSIX_VECTOR_CONTROL, 0);
  pci_write16(slot, capability + MSIX_CONTROL, MSIX_ENABLE);
  return true;
}

void pci_disable_msix(unsigned slot)
{
  uint8_t capability = pci_capability(slot, PCI_CAPABILITY_MSIX);
  if (capability != 0)
    pci_write16(slot, capability + MSIX_CONTROL, 0);
}
