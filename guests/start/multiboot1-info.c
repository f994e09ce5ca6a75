// Multiboot 1 information to boot_info (Multiboot Specification 0.6.96, 3.3).
#include "lib/boot.h"

#define BOOTLOADER_MAGIC 0x2BADB002

#define HAS_MEMORY 0x01
#define HAS_COMMAND_LINE 0x04
#define HAS_MODULES 0x08
#define HAS_MEMORY_MAP 0x40

struct information {
  uint32_t flags, memory_lower, memory_upper, boot_device, command_line, module_count, modules, symbols[4],
    memory_map_length, memory_map;
};

struct module {
  uint32_t start, end, string, reserved;
};

struct __attribute__((packed)) map_entry {
  uint32_t size; // of what follows
  uint64_t start, length;
  uint32_t type;
};

static void read_memory_map(const struct information *information)
{
  uint64_t at = information->memory_map;
  uint64_t end = at + information->memory_map_length;
  while (at < end) {
    const struct map_entry *entry = boot_pointer(at);
    boot_memory(entry->start, entry->length, entry->type);
    at += sizeof entry->size + entry->size;
  }
}

void boot_entry(uint64_t address, uint64_t magic)
{
  const struct information *information = boot_pointer(address);
  boot_begin("multiboot1");
  if (magic != BOOTLOADER_MAGIC) {
    boot_error("wrong-magic-in-EAX");
    boot_end();
  }
  if (information->flags & HAS_COMMAND_LINE)
    boot_command_line(information->command_line);
  if (information->flags & HAS_MODULES) {
    const struct module *modules = boot_pointer(information->modules);
    for (uint32_t i = 0; i < information->module_count; i++)
      boot_module(modules[i].start, modules[i].end - modules[i].start, modules[i].string);
  }
  if (information->flags & HAS_MEMORY_MAP) {
    read_memory_map(information);
  } else if (information->flags & HAS_MEMORY) {
    boot_memory(0, (uint64_t)information->memory_lower << 10, MEMORY_USABLE);
    boot_memory(0x100000, (uint64_t)information->memory_upper << 10, MEMORY_USABLE);
  }
  boot_end();
}
