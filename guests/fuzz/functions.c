#include "fuzz/access.h"
#include "fuzz/random.h"
#include "fuzz/steps.h"
#include "lib/lapic.h"
#include "lib/pci.h"

#define ADDRESS 0xCF8
#define DATA 0xCFC
#define ECAM 0xE0000000u
#define BARS 6
#define WINDOW_TYPE 5
#define WINDOW_BYTES 20
#define MSIX_WORDS 4
#define DATA_WORD 2
#define MAX_FUNCTIONS 16

struct function {
  unsigned slot;
  unsigned window;  // offset of a capability, 0 without
  unsigned msix;    // likewise
  uint32_t table;   // address of the vectors
  uint32_t vectors; // how many
  uint32_t bars[BARS];
};

static struct function functions[MAX_FUNCTIONS];
static unsigned count;

void find_functions(void)
{
  for (unsigned slot = 0; slot < PCI_SLOTS && count < MAX_FUNCTIONS; slot++) {
    if (pci_read16(slot, PCI_VENDOR_ID) == PCI_NONE)
      continue;
    struct function *found = &functions[count++];
    *found = (struct function){.slot = slot};
    for (unsigned i = 0; i < BARS; i++)
      found->bars[i] = pci_read32(slot, PCI_BAR + 4 * i);
    for (uint8_t at = pci_next_capability(slot, 0); at != 0; at = pci_next_capability(slot, at)) {
      uint8_t id = pci_read8(slot, at);
      if (id == PCI_CAPABILITY_VENDOR && pci_read8(slot, at + 3u) == WINDOW_TYPE)
        found->window = at;
      if (id != PCI_CAPABILITY_MSIX)
        continue;
      uint32_t table = pci_read32(slot, at + 4u);
      found->msix = at;
      found->table = (uint32_t)pci_bar(slot, table & 7) + (table & ~7u);
      found->vectors = (pci_read16(slot, at + 2u) & 0x7FFu) + 1;
    }
  }
}

unsigned window_of(unsigned slot)
{
  for (unsigned i = 0; i < count; i++)
    if (functions[i].slot == slot)
      return functions[i].window;
  return 0;
}

static uint32_t config_read(unsigned slot, unsigned offset, unsigned size)
{
  port_write(ADDRESS, 4, 0x80000000u | slot << 11 | (offset & 0xFC));
  return port_read((uint16_t)(DATA + (offset & 3)), size);
}

static void config_write(unsigned slot, unsigned offset, unsigned size, uint32_t value)
{
  port_write(ADDRESS, 4, 0x80000000u | slot << 11 | (offset & 0xFC));
  port_write((uint16_t)(DATA + (offset & 3)), size, value);
}

static bool overlaps(unsigned offset, unsigned size, unsigned start, unsigned length)
{
  return offset < start + length && start < offset + size;
}

void step_config(void)
{
  const struct function *at = &functions[random_below(count)];
  unsigned slot = one_in(16) ? random_below(PCI_SLOTS) : at->slot;
  unsigned window = window_of(slot), size = random_size();
  bool extended = one_in(3), write = one_in(2);
  unsigned offset = random_below(extended && one_in(4) ? 0x1000 : 0x100);
  uint32_t value = random_value();
  // Base addresses and the window's data have steps of their own.
  if (overlaps(offset, size, PCI_BAR, 4 * BARS) || (window != 0 && overlaps(offset, size, window + 16, 4)))
    write = false;
  if (extended && write)
    memory_write(ECAM + (slot << 15) + offset, size, value);
  else if (extended)
    memory_read(ECAM + (slot << 15) + offset, size);
  else if (write)
    config_write(slot, offset, size, value);
  else
    config_read(slot, offset, size);
}

void step_base_address(void)
{
  static const uint32_t places[] = {
    0,          1,          0xFFFFFFFF, ARENA,      0xFEC00000, 0xFED00000, 0xFEE00000,
    0xE0000000, 0xD0000000, 0xD0100000, 0xD0200000, 0xFFFFF000, 0x3F9,      0xD001,
  };
  const struct function *at = &functions[random_below(count)];
  unsigned bar = random_below(BARS);
  uint32_t place = RANDOM_OF(places);
  // Half of an address that is written by bytes never leads to another function's.
  config_write(at->slot, PCI_BAR + 4 * bar, 4, place);
  config_read(at->slot, PCI_BAR + 4 * bar, 4);
}

void step_firmware(void)
{
  const struct function *at = &functions[random_below(count)];
  for (unsigned i = 0; i < BARS; i++)
    config_write(at->slot, PCI_BAR + 4 * i, 4, at->bars[i]);
  config_write(at->slot, PCI_COMMAND, 2, PCI_COMMAND_IO | PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER);
}

void step_msix(void)
{
  const struct function *at = &functions[random_below(count)];
  uint32_t value = random_value();
  if (at->msix == 0)
    return;
  if (one_in(4)) {
    config_write(at->slot, at->msix + 2, 2, one_in(2) ? 0x8000 : value);
    return;
  }
  unsigned entry = random_below(at->vectors), word = random_below(MSIX_WORDS), size = one_in(8) ? random_size() : 4;
  uintptr_t address = at->table + 16 * entry + 4 * word;
  if (word == 0 && one_in(2))
    value = LAPIC_BASE;
  if (one_in(4))
    memory_read(one_in(8) ? at->table + random_below(0x1000) : address, size);
  else
    memory_write(address, size, word == DATA_WORD ? interrupt_word(value) : value);
}
