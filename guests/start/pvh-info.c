// hvm_start_info to boot_info (Xen: xen/include/public/arch-x86/hvm/start_info.h).
#include "lib/boot.h"

#define START_MAGIC 0x336EC578

struct hvm_module {
  uint64_t address, size, command_line, reserved;
};

struct hvm_memory_entry {
  uint64_t address, size;
  uint32_t type, reserved;
};

struct hvm_start_info {
  uint32_t magic, version, flags, module_count;
  uint64_t modules, command_line, rsdp;
  // Version 1 and later:
  uint64_t memory_map;
  uint32_t memory_map_entries, reserved;
};

void boot_entry(uint64_t address, uint64_t unused)
{
  (void)unused;
  const struct hvm_start_info *start = boot_pointer(address);
  boot_begin("pvh");
  if (start->magic == START_MAGIC) {
    boot_command_line(start->command_line);
    boot_rsdp(start->rsdp);
    const struct hvm_module *modules = boot_pointer(start->modules);
    for (uint32_t i = 0; i < start->module_count; i++)
      boot_module(modules[i].address, modules[i].size, modules[i].command_line);
    if (start->version >= 1) {
      const struct hvm_memory_entry *map = boot_pointer(start->memory_map);
      for (uint32_t i = 0; i < start->memory_map_entries; i++)
        boot_memory(map[i].address, map[i].size, map[i].type);
    }
  }
  boot_end();
}
