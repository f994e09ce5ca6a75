// Instructions that C has no name for.
#pragma once
#include <stdbool.h>
#include <stdint.h>

struct cpuid {
  uint32_t eax, ebx, ecx, edx;
};

static inline struct cpuid cpuid(uint32_t leaf, uint32_t subleaf)
{
  struct cpuid r;
  __asm__ volatile("cpuid" : "=a"(r.eax), "=b"(r.ebx), "=c"(r.ecx), "=d"(r.edx) : "a"(leaf), "c"(subleaf));
  return r;
}

#define MSR_TSC 0x10
#define MSR_APIC_BASE 0x1B
#define MSR_TSC_DEADLINE 0x6E0
#define MSR_EFER 0xC0000080

static inline uint64_t read_msr(uint32_t msr)
{
  uint32_t low, high;
  __asm__ volatile("rdmsr" : "=a"(low), "=d"(high) : "c"(msr));
  return (uint64_t)high << 32 | low;
}

static inline void write_msr(uint32_t msr, uint64_t value)
{
  __asm__ volatile("wrmsr" : : "c"(msr), "a"((uint32_t)value), "d"((uint32_t)(value >> 32)) : "memory");
}

static inline uint64_t read_tsc(void)
{
  uint32_t low, high;
  __asm__ volatile("rdtsc" : "=a"(low), "=d"(high) : : "memory");
  return (uint64_t)high << 32 | low;
}

static inline uint64_t read_cr2(void)
{
  uint64_t value;
  __asm__ volatile("mov %%cr2, %0" : "=r"(value));
  return value;
}

static inline void flush_tlb(void)
{
  uint64_t value;
  __asm__ volatile("mov %%cr3, %0; mov %0, %%cr3" : "=r"(value) : : "memory");
}

static inline void enable_interrupts(void)
{
  __asm__ volatile("sti" : : : "memory");
}

static inline void disable_interrupts(void)
{
  __asm__ volatile("cli" : : : "memory");
}

// Interrupts off; returns what restore_interrupts takes.
static inline uint64_t save_interrupts(void)
{
  uint64_t flags;
  __asm__ volatile("pushfq; pop %0; cli" : "=r"(flags) : : "memory");
  return flags;
}

static inline void restore_interrupts(uint64_t flags)
{
  __asm__ volatile("push %0; popfq" : : "r"(flags) : "memory", "cc");
}

// The task priority class: bits 7:4 of the local APIC's TPR.
static inline void write_cr8(uint64_t value)
{
  __asm__ volatile("mov %0, %%cr8" : : "r"(value) : "memory");
}

static inline uint64_t read_cr8(void)
{
  uint64_t value;
  __asm__ volatile("mov %%cr8, %0" : "=r"(value) : : "memory");
  return value;
}

// Sleeps until an interrupt has been served; interrupts are off before and after. The interrupt shadow of STI leaves
// no gap between them in which an interrupt could be lost.
static inline void wait_for_interrupt(void)
{
  __asm__ volatile("sti; hlt; cli" : : : "memory");
}

static inline void pause(void)
{
  __asm__ volatile("pause" : : : "memory");
}

_Noreturn static inline void halt_for_ever(void)
{
  for (;;)
    __asm__ volatile("cli; hlt" : : : "memory");
}
