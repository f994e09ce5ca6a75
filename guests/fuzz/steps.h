// What the guest does at random: each step is some accesses.
#pragma once
#include <stdbool.h>
#include <stdint.h>

// Memory that devices may write to: far behind the guest itself.
#define ARENA 0x1000000u
#define ARENA_END 0x2000000u

// The chips of a PC (fuzz/chips.c).
void step_port(void);
void step_chip_memory(void);
void step_ioapic(void);
void step_lapic(void);
void step_pic(void);

// PCI configuration space (fuzz/functions.c).
void find_functions(void);
void step_config(void);
void step_base_address(void);
void step_firmware(void);
void step_msix(void);
// Offset of the capability of a function through which configuration space reaches registers; 0 without.
unsigned window_of(unsigned slot);

// Virtio devices in all the ways that lead to them (fuzz/devices.c).
unsigned find_devices(void);
void step_start(void);
void step_register(void);
void step_device_config(void);
void step_window(void);
void step_request(void);
void step_notify(void);
void step_disturb(void);
void step_queue(void);
void step_queue_reset(void);
void step_acknowledge(void);
