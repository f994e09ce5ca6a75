#include "lib/paging.h"

#include "lib/cpu.h"
#include "start/segments.h"

#define SPARE_DIRECTORIES 8
#define GIB_SHIFT 30
#define LARGE_PAGE_SHIFT 21
#define ENTRIES 512

extern uint64_t page_directory_pointers[ENTRIES];

static uint64_t spare[SPARE_DIRECTORIES][ENTRIES] __attribute__((aligned(4096)));
static uint32_t used;

bool map_identity(uint64_t address)
{
  uint64_t gib = address >> GIB_SHIFT;
  if (gib >= ENTRIES)
    return false;
  if (page_directory_pointers[gib] == 0) {
    if (used == SPARE_DIRECTORIES)
      return false;
    page_directory_pointers[gib] = (uint64_t)spare[used++] | PTE_TABLE;
  }
  uint64_t *directory = (uint64_t *)(page_directory_pointers[gib] & ~0xFFFULL);
  uint64_t large_page = address >> LARGE_PAGE_SHIFT;
  directory[large_page % ENTRIES] = large_page << LARGE_PAGE_SHIFT | PTE_LARGE;
  flush_tlb();
  return true;
}
