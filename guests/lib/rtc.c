#include "lib/rtc.h"

#include "lib/cpu.h"
#include "lib/io.h"

#define INDEX 0x70
#define DATA 0x71

uint8_t rtc_read(uint8_t index)
{
  uint64_t flags = save_interrupts();
  out8(INDEX, index);
  uint8_t value = in8(DATA);
  restore_interrupts(flags);
  return value;
}

void rtc_write(uint8_t index, uint8_t value)
{
  uint64_t flags = save_interrupts();
  out8(INDEX, index);
  out8(DATA, value);
  restore_interrupts(flags);
}
