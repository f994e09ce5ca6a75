#include "lib/pit.h"

#include "lib/cpu.h"
#include "lib/io.h"

#define CHANNEL_0 0x40
#define COMMAND 0x43
#define LOW_THEN_HIGH 0x30
#define LATCH 0x00

#define PORT_B 0x61
#define PORT_B_GATE 0x01
#define PORT_B_SPEAKER 0x02
#define PORT_B_OUTPUT 0x20

void pit_start(unsigned channel, unsigned mode, uint16_t count)
{
  out8(COMMAND, (uint8_t)(channel << 6 | LOW_THEN_HIGH | mode << 1));
  out8((uint16_t)(CHANNEL_0 + channel), (uint8_t)count);
  out8((uint16_t)(CHANNEL_0 + channel), (uint8_t)(count >> 8));
}

void pit_stop(void)
{
  out8(COMMAND, LOW_THEN_HIGH | PIT_ONE_SHOT << 1);
}

uint16_t pit_count(unsigned channel)
{
  out8(COMMAND, (uint8_t)(channel << 6 | LATCH));
  uint8_t low = in8((uint16_t)(CHANNEL_0 + channel));
  return (uint16_t)(low | in8((uint16_t)(CHANNEL_0 + channel)) << 8);
}

void pit_gate(bool on)
{
  uint8_t value = in8(PORT_B) & ~(PORT_B_GATE | PORT_B_SPEAKER);
  out8(PORT_B, on ? value | PORT_B_GATE : value);
}

bool pit_output(void)
{
  return (in8(PORT_B) & PORT_B_OUTPUT) != 0;
}

void pit_delay(uint16_t counts)
{
  pit_gate(true);
  pit_start(2, PIT_ONE_SHOT, counts);
  while (!pit_output())
    pause();
}
