#include "fuzz/access.h"

#include "lib/io.h"

#define PRIME 0x100000001B3ull

uint64_t operations;
uint64_t done_sum = 0xCBF29CE484222325ull, read_sum = 0xCBF29CE484222325ull;

static void did(uintptr_t address, uint32_t value)
{
  operations++;
  done_sum = (done_sum ^ address) * PRIME;
  done_sum = (done_sum ^ value) * PRIME;
}

static uint32_t was(uint32_t value)
{
  read_sum = (read_sum ^ value) * PRIME;
  return value;
}

uint32_t port_read(uint16_t port, unsigned size)
{
  did(port, size);
  return was(size == 1 ? in8(port) : size == 2 ? in16(port) : in32(port));
}

void port_write(uint16_t port, unsigned size, uint32_t value)
{
  did(port, value);
  if (size == 1)
    out8(port, (uint8_t)value);
  else if (size == 2)
    out16(port, (uint16_t)value);
  else
    out32(port, value);
}

uint32_t memory_read(uintptr_t address, unsigned size)
{
  did(address, size);
  switch (size) {
  case 1:
    return was(mmio_read8(address));
  case 2:
    return was(mmio_read16(address));
  case 4:
    return was(mmio_read32(address));
  default: {
    uint64_t value = mmio_read64(address);
    return was((uint32_t)value ^ (uint32_t)(value >> 32));
  }
  }
}

void memory_write(uintptr_t address, unsigned size, uint32_t value)
{
  did(address, value);
  switch (size) {
  case 1:
    mmio_write8(address, (uint8_t)value);
    break;
  case 2:
    mmio_write16(address, (uint16_t)value);
    break;
  case 4:
    mmio_write32(address, value);
    break;
  default:
    mmio_write64(address, (uint64_t)~value << 32 | value);
  }
}

uint32_t interrupt_word(uint32_t value)
{
  return (value & ~0x600u) | 0x20;
}

uint32_t interrupt_part(unsigned offset, unsigned size, uint32_t value)
{
  for (unsigned i = 0; i < size; i++) {
    if (offset + i == 0)
      value |= 0x20u << 8 * i;
    if (offset + i == 1)
      value &= ~(6u << 8 * i);
  }
  return value;
}
