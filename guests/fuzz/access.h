// Accesses to devices, each counted, with two sums: of what the guest has done, and of what it has read.
#pragma once
#include <stdint.h>

extern uint64_t operations;
extern uint64_t done_sum, read_sum;

uint32_t port_read(uint16_t port, unsigned size);
void port_write(uint16_t port, unsigned size, uint32_t value);
// `size` may be 8, of which the upper half of the value is the inverse of the lower.
uint32_t memory_read(uintptr_t address, unsigned size);
void memory_write(uintptr_t address, unsigned size, uint32_t value);

// Data of a message-signalled interrupt, or the low word of an I/O APIC's entry: any but an exception's vector, and
// nothing but an interrupt (neither INIT nor SMI): the guest itself has to survive.
uint32_t interrupt_word(uint32_t value);
// The same for a write of `size` bytes at `offset` into a register with such a word.
uint32_t interrupt_part(unsigned offset, unsigned size, uint32_t value);
