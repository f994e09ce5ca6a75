// Starting the other CPUs.
#pragma once
#include <stdint.h>

#define MAX_CPUS 64

// What a started CPU runs, in long mode with its own small stack and interrupts off. `cpu` counts from 1.
typedef void cpu_main(uint32_t cpu);

// APIC IDs of the enabled CPUs in the MP table, the one that runs this first. 1 when there is no MP table.
uint32_t smp_find(uint8_t ids[MAX_CPUS]);

// Starts the CPU with this APIC ID by INIT and start-up IPIs, as number `cpu`. Uses the page at 0x8000. Returns at once
// when the CPU has come up; 0 when it has not.
int smp_start(uint8_t id, uint32_t cpu, cpu_main *main);

// A lock that spins.
struct lock {
  uint32_t taken;
};
void lock(struct lock *lock);
void unlock(struct lock *lock);
