// Multiboot 2 information to boot_info (Multiboot2 Specification 2.0, 3.4 to 3.6).
#include "lib/boot.h"

#define BOOTLOADER_MAGIC 0x36D76289

enum tag_type {
  TAG_END = 0,
  TAG_COMMAND_LINE = 1,
  TAG_MODULE = 3,
  TAG_MEMORY_MAP = 6,
  TAG_RSDP_1 = 14,
  TAG_RSDP_2 = 15,
};

struct tag {
  uint32_t type, size;
};

struct module_tag {
  struct tag tag;
  uint32_t start, end;
  char string[];
};

struct map_tag {
  struct tag tag;
  uint32_t entry_size, entry_version;
};

struct map_entry {
  uint64_t start, length;
  uint32_t type, reserved;
};

static void read_memory_map(const struct map_tag *map)
{
  uint64_t end = (uint64_t)map + map->tag.size;
  for (uint64_t at = (uint64_t)(map + 1); at + map->entry_size <= end; at += map->entry_size) {
    const struct map_entry *entry = boot_pointer(at);
    boot_memory(entry->start, entry->length, entry->type);
  }
}

static void read_tag(const struct tag *tag)
{
  const struct module_tag *module = (const struct module_tag *)tag;
  switch (tag->type) {
  case TAG_COMMAND_LINE:
    boot_command_line((uint64_t)(tag + 1));
    break;
  case TAG_MODULE:
    boot_module(module->start, module->end - module->start, (uint64_t)module->string);
    break;
  case TAG_MEMORY_MAP:
    read_memory_map((const struct map_tag *)tag);
    break;
  case TAG_RSDP_1:
  case TAG_RSDP_2:
    boot_rsdp((uint64_t)(tag + 1));
    break;
  }
}

void boot_entry(uint64_t address, uint64_t magic)
{
  boot_begin("multiboot2");
  if (magic != BOOTLOADER_MAGIC) {
    boot_error("wrong-magic-in-EAX");
    boot_end();
  }
  // The total size and a reserved word, then tags on 8-byte boundaries.
  const uint32_t *total_size = boot_pointer(address);
  uint64_t end = address + *total_size;
  for (uint64_t at = address + 8; at < end;) {
    const struct tag *tag = boot_pointer(at);
    if (tag->type == TAG_END)
      break;
    if (tag->size < sizeof *tag) {
      boot_error("tag-too-small");
      break;
    }
    read_tag(tag);
    at += (tag->size + 7) & ~7ULL;
  }
  boot_end();
}
