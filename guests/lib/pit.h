// The 8254 interval timer, 1193182 Hz.
#pragma once
#include <stdbool.h>
#include <stdint.h>

#define PIT_IRQ 0
#define PIT_10_MS 11932 // counts

#define PIT_ONE_SHOT 0 // mode 0: output rises once, at the terminal count
#define PIT_RATE 2     // mode 2: a pulse each `count`

// Starts channel 0 or 2. A count of 0 means 65536.
void pit_start(unsigned channel, unsigned mode, uint16_t count);
// Makes channel 0 quiet: mode 0 with no count loaded counts nothing.
void pit_stop(void);
// The current count, by a counter latch command.
uint16_t pit_count(unsigned channel);

// Port 0x61: the gate of channel 2 on or off, speaker off; whether channel 2's output is high.
void pit_gate(bool on);
bool pit_output(void);

// Sleeps by channel 2, 54 ms at most.
void pit_delay(uint16_t counts);
