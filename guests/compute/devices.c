#include "compute/loops.h"

#include "lib/io.h"
#include "lib/ioapic.h"

#define PORT 0x80 // the POST code port: an access does nothing
#define ACCESSES 2000

word port_write_pass(void)
{
  for (uint32_t i = 0; i < ACCESSES; i++)
    out8(PORT, 0);
  return ACCESSES;
}

word port_read_pass(void)
{
  for (uint32_t i = 0; i < ACCESSES; i++)
    in8(PORT);
  return ACCESSES;
}

word mmio_read_pass(void)
{
  mmio_write32(IOAPIC_BASE + IOAPIC_SELECT, IOAPIC_ID);
  word first = mmio_read32(IOAPIC_BASE + IOAPIC_WINDOW);
  word different = 0;
  for (uint32_t i = 0; i < ACCESSES; i++)
    different |= mmio_read32(IOAPIC_BASE + IOAPIC_WINDOW) ^ first;
  return different;
}
