#include "fuzz/access.h"
#include "fuzz/random.h"
#include "fuzz/steps.h"
#include "lib/io.h"
#include "lib/ioapic.h"
#include "lib/lapic.h"
#include "lib/pic.h"

#define HPET 0xFED00000u
#define HPET_TIMERS 0x100
#define HPET_MESSAGE 0x10 // of a timer's block of 0x20: data, then address
#define HPET_BYTES 0x400
#define MMIO_SLOTS 0xFEB00000u
#define HOLE 0xC0000000u

static const struct {
  uint16_t port, count;
} ranges[] = {
  {0x20, 2},  {0xA0, 2},  {0x4D0, 2}, {0x40, 4},  {0x61, 1},   {0x60, 1},  {0x64, 1},  {0x70, 2}, {0x80, 1},
  {0x2F8, 8}, {0x3E8, 8}, {0x2E8, 8}, {0x3F8, 8}, {0x600, 12}, {0x505, 1}, {0xCF8, 8}, {0xE9, 1}, {0xF4, 4},
};

// What a byte that is written there becomes, so that the machine goes on and the guest can be heard; −1 for nothing.
static int harmless(uint16_t port, uint8_t byte)
{
  if (port >= 0x3F8 && port < 0x400)
    return -1; // the guest's own output
  if (port >= 0xCF9 && port < 0xD00)
    return -1; // reset control; configuration space has a step of its own
  switch (port) {
  case 0xE9:
  case 0xF4:
  case 0xF5:
  case 0xF6:
  case 0xF7:
  case 0x92:
    return -1;
  case 0x20:
  case 0xA0:
    return byte & ~0x10; // initialisation has a step of its own
  case 0x64:
    return byte >= 0xF0 || byte == 0xD1 ? byte & 0x6F : byte; // the line that resets the processor
  case 0x505:
    return byte & ~3;
  case 0x605:
    return byte & ~0x20; // sleep
  default:
    return byte;
  }
}

static void write_port(uint16_t port, unsigned size, uint32_t value)
{
  uint32_t filtered = 0;
  if (port == 0xCF8 && size == 4) {
    port_write(port, size, value);
    return;
  }
  for (unsigned i = 0; i < size; i++) {
    int byte = harmless((uint16_t)(port + i), (uint8_t)(value >> 8 * i));
    if (byte < 0)
      return;
    filtered |= (uint32_t)byte << 8 * i;
  }
  port_write(port, size, filtered);
}

void step_port(void)
{
  unsigned which = random_below(sizeof ranges / sizeof *ranges);
  uint16_t port = (uint16_t)(ranges[which].port + random_below(ranges[which].count));
  unsigned size = one_in(4) ? random_size() : 1;
  uint32_t value = random_value();
  if (one_in(32))
    port_read((uint16_t)random32(), size);
  else if (one_in(2))
    port_read(port, size);
  else
    write_port(port, size, value);
}

static void write_hpet(unsigned offset, unsigned size, uint32_t value)
{
  unsigned within = offset & 0x1F;
  if (offset < HPET_TIMERS || within + size <= HPET_MESSAGE || within >= HPET_MESSAGE + 4)
    memory_write(HPET + offset, size, value);
  else if (within >= HPET_MESSAGE)
    memory_write(HPET + offset, size, interrupt_part(within - HPET_MESSAGE, size < 4 ? size : 4, value));
}

void step_chip_memory(void)
{
  unsigned size = one_in(4) ? random_size() : one_in(4) ? 8 : 4;
  unsigned offset = random_below(HPET_BYTES) & (one_in(8) ? ~0u : 0u - size);
  uint32_t value = random_value();
  switch (random_below(8)) {
  case 0:
    memory_read(IOAPIC_BASE + random_below(0x100), size);
    break;
  case 1:
    memory_read(MMIO_SLOTS + random_below(0x2000), size);
    break;
  case 2:
    memory_read(HOLE + random_below(0xFEE00000u - HOLE), size);
    break;
  case 3:
  case 4:
    memory_read(HPET + offset, size);
    break;
  default:
    write_hpet(offset, size, value);
  }
}

void step_ioapic(void)
{
  uint32_t index = one_in(8) ? random_below(256) : IOAPIC_ID + random_below(0x40);
  uint32_t value = random_value();
  memory_write(IOAPIC_BASE + IOAPIC_SELECT, one_in(8) ? 1 : 4, index);
  if (one_in(2))
    memory_read(IOAPIC_BASE + IOAPIC_WINDOW, 4);
  else
    memory_write(IOAPIC_BASE + IOAPIC_WINDOW, 4, index % 2 == 0 ? interrupt_word(value) : value);
  // The register by which others tell the I/O APIC that an interrupt is over.
  if (one_in(8))
    memory_write(IOAPIC_BASE + 0x40, 4, value & 0xFF);
}

void step_lapic(void)
{
  static const uint16_t registers[] = {
    LAPIC_TPR,      LAPIC_EOI,       LAPIC_LDR,           LAPIC_DFR,         LAPIC_LVT_TIMER, LAPIC_LVT_LINT0,
    LAPIC_LVT_LINT1, LAPIC_TIMER_INITIAL, LAPIC_TIMER_DIVIDE, 0x280, 0x370,
  };
  uint16_t at = RANDOM_OF(registers);
  uint32_t value = random_value();
  if (one_in(2))
    memory_read(LAPIC_BASE + 16 * random_below(0x40), 4);
  else if (at == LAPIC_LVT_LINT0)
    memory_write(LAPIC_BASE + at, 4, LVT_EXTINT | (value & LVT_MASKED));
  else
    memory_write(LAPIC_BASE + at, 4, at >= LAPIC_LVT_TIMER && at < LAPIC_TIMER_INITIAL ? interrupt_word(value) & ~0x700u : value);
}

void step_pic(void)
{
  uint16_t port = one_in(2) ? PIC_MASTER : PIC_SLAVE;
  uint32_t value = random32();
  port_write(port, 1, 0x11 | (value & 0x0A));
  port_write(port + 1, 1, 0x20 | (value >> 8 & 0xFF));
  // With bit 1 of the first word there is one controller alone, and no third word.
  if ((value & 2) == 0)
    port_write(port + 1, 1, value >> 16 & 0xFF);
  port_write(port + 1, 1, 1 | (value >> 24 & 0x1E));
}
