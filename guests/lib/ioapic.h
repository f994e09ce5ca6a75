// The I/O APIC at 0xFEC00000 (Intel 82093AA data sheet).
#pragma once
#include <stdint.h>

#define IOAPIC_BASE 0xFEC00000u
#define IOAPIC_SELECT 0x00
#define IOAPIC_WINDOW 0x10

#define IOAPIC_ID 0
#define IOAPIC_VERSION 1

#define IOAPIC_PIT_PIN 2 // IRQ 0 is wired to pin 2; the other ISA interrupts to the pin of their number

#define RTE_LOWEST_PRIORITY 0x100
#define RTE_LOGICAL 0x800
#define RTE_ACTIVE_LOW 0x2000
#define RTE_REMOTE_IRR 0x4000
#define RTE_LEVEL 0x8000
#define RTE_MASKED 0x10000

uint32_t ioapic_read(uint8_t index);
void ioapic_write(uint8_t index, uint32_t value);

// The low word of the pin's redirection table entry.
uint32_t ioapic_entry(uint8_t pin);
// Sets the entry: `low` is a vector with RTE_ flags, `destination` an APIC ID or a logical mask.
void ioapic_route(uint8_t pin, uint32_t low, uint8_t destination);
void ioapic_mask(uint8_t pin);
