// What a boot protocol told the guest, in one shape for all protocols. Filled in by start/*-info.c.
#pragma once
#include <stdbool.h>
#include <stdint.h>

#define MEMORY_USABLE 1 // as in e820, PVH and Multiboot

#define MAX_MEMORY_RANGES 128
#define MAX_MODULES 16
#define MAX_COMMAND_LINE 4096

struct memory_range {
  uint64_t start, length;
  uint32_t type;
};

struct boot_module {
  uint64_t start, length;
  const char *string; // the module's own command line, "" for none
};

struct boot_info {
  const char *protocol;     // "pvh", "multiboot1", …
  const char *error;        // what was wrong with the information that was handed over; NULL when nothing was
  const char *command_line; // never NULL; a copy
  bool has_command_line;    // false when the protocol has none, or the loader gave none
  uint64_t rsdp;            // address of the ACPI root pointer as handed over, 0 for none
  uint32_t memory_ranges;   // 0 when the protocol has no memory map
  uint32_t modules;
  struct memory_range memory[MAX_MEMORY_RANGES];
  struct boot_module module[MAX_MODULES];
};

// The program: starts on the boot stack in long mode with interrupts off. What it returns is ignored: finish() ends it.
void kmain(const struct boot_info *boot);

// Called by start/long-mode.S: address of the loader's information, and the loader's magic number if there is one.
_Noreturn void boot_entry(uint64_t address, uint64_t magic);

// For start/*-info.c, in this order: begin, any of the middle ones, end (which calls kmain).
void boot_begin(const char *protocol);
void boot_error(const char *error);
void boot_command_line(uint64_t address);
void boot_rsdp(uint64_t address);
void boot_memory(uint64_t start, uint64_t length, uint32_t type);
void boot_module(uint64_t start, uint64_t length, uint64_t string);
_Noreturn void boot_end(void);

static inline const void *boot_pointer(uint64_t address)
{
  return (const void *)(uintptr_t)address;
}
