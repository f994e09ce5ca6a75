#include "compute/loops.h"
#include "compute/traps.h"

#include "start/segments.h"

// A window of 4 KiB pages in the linear addresses, each of which has a frame of its own.
#define WINDOW 0x40000000u
#define PAGE_SHIFT 12
#define PAGE_BYTES (1u << PAGE_SHIFT)
#define PAGES 4096u
#define PTE_PRESENT 0x03 // present, writable

#define TRAPS 5000
#define FAULTS 1024u
#define MISSES 50000
#define FLUSHES 200
#define PAGES_PER_FLUSH 32u

static uint8_t frames[PAGES][PAGE_BYTES] __attribute__((aligned(PAGE_BYTES)));
static word tables[PAGES] __attribute__((aligned(PAGE_BYTES)));
static word faults, traps;

#ifdef __x86_64__
#define DIRECTORY_SHIFT 21
extern uint64_t page_directory_pointers[512];

static word *window_directory(void)
{
  return (word *)(page_directory_pointers[WINDOW >> 30] & ~0xFFFul);
}
#else
#define DIRECTORY_SHIFT 22
#define CR4_PSE 0x10
static word directory[1024] __attribute__((aligned(PAGE_BYTES)));

// All 4 GiB onto themselves by pages of 4 MiB.
static word *window_directory(void)
{
  for (word i = 0; i < 1024; i++)
    directory[i] = i << DIRECTORY_SHIFT | PTE_LARGE;
  word value;
  __asm__ volatile("mov %%cr4, %0; or %1, %0; mov %0, %%cr4" : "=&r"(value) : "i"(CR4_PSE));
  __asm__ volatile("mov %0, %%cr3" : : "r"(directory) : "memory");
  __asm__ volatile("mov %%cr0, %0; or %1, %0; mov %0, %%cr0" : "=&r"(value) : "i"(CR0_PG) : "memory");
  return directory + (WINDOW >> DIRECTORY_SHIFT);
}
#endif

static inline void load_address_space(void)
{
  word value;
  __asm__ volatile("mov %%cr3, %0; mov %0, %%cr3" : "=r"(value) : : "memory");
}

static void map(word page)
{
  tables[page] = (word)frames[page] | PTE_PRESENT;
}

static inline volatile word *in_window(word page)
{
  return (volatile word *)(WINDOW + (page << PAGE_SHIFT) + (page * 8 & (PAGE_BYTES - 8)));
}

TRAP static void serve_page_fault(struct trap_frame *frame, word error)
{
  (void)frame;
  (void)error;
  word address;
  __asm__ volatile("mov %%cr2, %0" : "=r"(address));
  faults++;
  map((address - WINDOW) >> PAGE_SHIFT);
}

TRAP static void serve_trap(struct trap_frame *frame)
{
  (void)frame;
  traps++;
}

void paging_prepare(void)
{
  traps_serve_fault(VECTOR_PAGE_FAULT, serve_page_fault);
  traps_serve(VECTOR_SOFTWARE, serve_trap);
  word *entries = window_directory();
  for (word i = 0; i < PAGES >> (DIRECTORY_SHIFT - PAGE_SHIFT); i++)
    entries[i] = (word)&tables[i << (DIRECTORY_SHIFT - PAGE_SHIFT)] | PTE_PRESENT;
  for (word page = 0; page < PAGES; page++)
    map(page);
  load_address_space();
  for (word page = 0; page < PAGES; page++)
    *in_window(page) = page;
}

word trap_pass(void)
{
  traps = 0;
  for (uint32_t i = 0; i < TRAPS; i++)
    __asm__ volatile("int %0" : : "i"(VECTOR_SOFTWARE) : "memory");
  return traps;
}

word page_fault_pass(void)
{
  for (word page = 0; page < FAULTS; page++)
    tables[page] = 0;
  load_address_space();
  faults = 0;
  word sum = 0;
  for (word page = 0; page < FAULTS; page++)
    sum += *in_window(page);
  return sum + faults;
}

word tlb_miss_pass(void)
{
  word sum = 0;
  uint32_t x = 51;
  for (uint32_t i = 0; i < MISSES; i++) {
    x = next_random(x);
    sum = sum * 3 + *in_window(x % PAGES);
  }
  return sum;
}

word tlb_flush_pass(void)
{
  word sum = 0;
  for (uint32_t i = 0; i < FLUSHES; i++) {
    load_address_space();
    for (word page = 0; page < PAGES_PER_FLUSH; page++)
      sum += *in_window((page * 7 + i) % PAGES);
  }
  return sum;
}
