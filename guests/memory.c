// Memory is there where the map says: the first page, the top of low RAM, both ends of RAM above 4 GiB.
#include "lib/boot.h"
#include "lib/check.h"
#include "lib/idt.h"
#include "lib/io.h"
#include "lib/paging.h"

#define PAGE 4096
#define FOUR_GIB 0x100000000ULL
#define MAX_PAGES 16

const char guest_name[] = "memory";

extern const char image_end[];

static uint64_t tested[MAX_PAGES];
static uint32_t tested_pages;

// Different in every place, so that two addresses of one cell show.
static uint32_t pattern(uint64_t address)
{
  return (uint32_t)(address >> 32) * 0x9E3779B1u ^ (uint32_t)address ^ 0xA5A5A5A5u;
}

static bool holds_pattern(uint64_t page)
{
  for (uint64_t at = page; at < page + PAGE; at += 4)
    if (mmio_read32(at) != pattern(at))
      return false;
  return true;
}

static void check_page(const char *name, uint64_t page)
{
  if (page >= FOUR_GIB && !map_identity(page)) {
    check_hex(name, false, page);
    return;
  }
  for (uint64_t at = page; at < page + PAGE; at += 4)
    mmio_write32(at, pattern(at));
  check_hex(name, holds_pattern(page), page);
  if (tested_pages < MAX_PAGES)
    tested[tested_pages++] = page;
}

// Page 0 stays as it was: a boot loader may have left things there.
static void check_zero_page(void)
{
  bool ok = true;
  for (uint64_t at = 0; at < PAGE; at += 4) {
    uint32_t before = mmio_read32(at);
    mmio_write32(at, ~before);
    if (mmio_read32(at) != ~before)
      ok = false;
    mmio_write32(at, before);
    if (mmio_read32(at) != before)
      ok = false;
  }
  check("zero-page", ok);
}

void kmain(const struct boot_info *boot)
{
  uint64_t low_top = 0, total = 0;
  uint32_t high_ranges = 0;
  idt_init();
  check_zero_page();
  for (uint32_t i = 0; i < boot->memory_ranges; i++) {
    const struct memory_range *range = &boot->memory[i];
    uint64_t end = (range->start + range->length) & ~(uint64_t)(PAGE - 1);
    if (range->type != MEMORY_USABLE)
      continue;
    total += range->length;
    if (end <= FOUR_GIB) {
      if (end > low_top)
        low_top = end;
    } else if (high_ranges < MAX_PAGES / 2 - 1) {
      uint64_t start = (range->start < FOUR_GIB ? FOUR_GIB : range->start + PAGE - 1) & ~(uint64_t)(PAGE - 1);
      check_page(numbered("high", high_ranges, ".first"), start);
      check_page(numbered("high", high_ranges, ".last"), end - PAGE);
      high_ranges++;
    }
  }
  check_dec("usable", total > 0, total);
  if (low_top >= (uint64_t)image_end + PAGE)
    check_page("low-top", low_top - PAGE);
  else
    check_hex("low-top", false, low_top);

  // Again, now that all have been written.
  uint32_t kept = 0;
  for (uint32_t i = 0; i < tested_pages; i++)
    kept += holds_pattern(tested[i]);
  check_dec("distinct", kept == tested_pages, kept);
  finish();
}
