// The loops of the compute guest. A pass does the same work on the same data each time and returns a checksum of what
// came of it, so that a pass can be repeated as often as a measurement wants. All of it builds for 64 and for 32 bits.
#pragma once
#include <stdint.h>

// The width of a general register.
typedef unsigned long word;

typedef word pass(void);

// Integer arithmetic: a generator of add, xor, shift and multiply; quotients; bit searches; locked updates.
pass integer_pass, divide_pass, bits_pass, atomic_pass;

// Loads and stores: an array from its start to its end, places of a random order, a list whose next place is known only
// from the one before.
void memory_prepare(void);
pass sequential_pass, random_pass, chase_pass;

// Ways of control: recursion, a function pointer, a jump table, and branches that data decide.
pass call_pass, pointer_pass, jump_table_pass, sort_pass, hash_pass;

// Floating point: 80-bit on x87; double in XMM registers, arithmetic and conversions; four floats at a time; integers
// in vectors.
pass x87_pass, scalar_pass, packed_float_pass, packed_integer_pass;

// REP and the string instructions, on 64 KiB; MOVS on a few dozen bytes, as memcpy of structures is.
void strings_prepare(void);
pass movs_pass, movs_short_pass, stos_pass, scas_pass, cmps_pass;

// A byte to and from a port where nothing happens, and a register in a device's memory.
pass port_write_pass, port_read_pass, mmio_read_pass;

// Software interrupt and return; page faults that map the page; more pages than a TLB holds; an address space that is
// loaded anew before each few accesses.
void paging_prepare(void);
pass trap_pass, page_fault_pass, tlb_miss_pass, tlb_flush_pass;

// A sequence without short cycles (Marsaglia, "Xorshift RNGs", 2003); never 0.
static inline uint32_t next_random(uint32_t x)
{
  x ^= x << 13;
  x ^= x >> 17;
  return x ^ x << 5;
}
