#include "lib/mp.h"

#include <stddef.h>

#include "lib/io.h"

#define POINTER_SIGNATURE 0x5F504D5F // "_MP_"
#define TABLE_SIGNATURE 0x504D4350   // "PCMP"
#define PROCESSOR_SIZE 20
#define OTHER_SIZE 8

#define EBDA_SEGMENT 0x40E // a word of the BIOS data area

// Interrupt flags, 4.3.4; 0 is what conforms to the bus.
#define POLARITY 3
#define ACTIVE_HIGH 1
#define TRIGGER (3 << 2)
#define EDGE (1 << 2)

// The floating pointer, on a 16-byte boundary, and the table it points to.
struct mp_pointer {
  uint32_t signature, table;
  uint8_t length, revision, checksum, features[5];
};

struct __attribute__((packed)) mp_table {
  uint32_t signature;
  uint16_t length;
  uint8_t revision, checksum;
  char oem[20];
  uint32_t oem_table;
  uint16_t oem_table_size, entries;
  uint32_t lapic;
  uint16_t extended_length;
  uint8_t extended_checksum, reserved;
};

static bool sums_to_zero(uint64_t address, uint32_t length)
{
  uint8_t sum = 0;
  for (uint32_t i = 0; i < length; i++)
    sum += mmio_read8(address + i);
  return sum == 0;
}

static const struct mp_table *table_in(uint64_t start, uint32_t length)
{
  for (uint64_t at = start; at + sizeof(struct mp_pointer) <= start + length; at += 16) {
    if (mmio_read32(at) != POINTER_SIGNATURE)
      continue;
    const struct mp_pointer *pointer = (const struct mp_pointer *)at;
    if (!sums_to_zero(at, sizeof *pointer) || pointer->table == 0)
      continue;
    const struct mp_table *table = (const struct mp_table *)(uint64_t)pointer->table;
    if (table->signature == TABLE_SIGNATURE && sums_to_zero(pointer->table, table->length))
      return table;
  }
  return NULL;
}

static const struct mp_table *find_table(void)
{
  const struct mp_table *table = NULL;
  uint64_t ebda = (uint64_t)mmio_read16(EBDA_SEGMENT) << 4;
  if (ebda >= 0x80000 && ebda < 0xA0000)
    table = table_in(ebda, 1024);
  if (table == NULL)
    table = table_in(0x9FC00, 1024);
  if (table == NULL)
    table = table_in(0xF0000, 0x10000);
  return table;
}

const void *mp_next(uint8_t type, const void *after)
{
  static const struct mp_table *table;
  if (table == NULL)
    table = find_table();
  if (table == NULL)
    return NULL;
  const uint8_t *at = (const uint8_t *)(table + 1);
  for (uint32_t i = 0; i < table->entries; i++) {
    if (*at == type && (after == NULL || at > (const uint8_t *)after))
      return at;
    at += *at == MP_PROCESSOR ? PROCESSOR_SIZE : OTHER_SIZE;
  }
  return NULL;
}

static bool is_pci(const struct mp_bus *bus)
{
  return bus->name[0] == 'P' && bus->name[1] == 'C' && bus->name[2] == 'I';
}

bool mp_pci_route(unsigned slot, unsigned intx, struct mp_route *route)
{
  const struct mp_bus *bus = NULL;
  do
    bus = mp_next(MP_BUS, bus);
  while (bus != NULL && !is_pci(bus));
  if (bus == NULL)
    return false;
  const struct mp_interrupt *interrupt = NULL;
  while ((interrupt = mp_next(MP_IO_INTERRUPT, interrupt)) != NULL) {
    // D.3: the source is device number and pin.
    if (interrupt->bus != bus->id || interrupt->source != (slot << 2 | (intx - 1)))
      continue;
    // PCI's interrupts are levels, active low, unless the flags say otherwise.
    route->pin = interrupt->pin;
    route->level = (interrupt->flags & TRIGGER) != EDGE;
    route->active_low = (interrupt->flags & POLARITY) != ACTIVE_HIGH;
    return true;
  }
  return false;
}
