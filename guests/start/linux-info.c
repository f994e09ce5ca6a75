// boot_params, the "zero page", to boot_info (Linux: Documentation/arch/x86/zero-page.rst and boot.rst).
#include "lib/boot.h"
#include "start/linux.h"

// Offsets into boot_params.
enum {
  ACPI_RSDP = 0x070,
  EXT_RAMDISK_IMAGE = 0x0C0,
  EXT_RAMDISK_SIZE = 0x0C4,
  EXT_CMD_LINE_PTR = 0x0C8,
  E820_ENTRIES = 0x1E8,
  BOOT_FLAG = 0x1FE,
  HEADER = 0x202,
  TYPE_OF_LOADER = 0x210,
  RAMDISK_IMAGE = 0x218,
  RAMDISK_SIZE = 0x21C,
  CMD_LINE_PTR = 0x228,
  E820_TABLE = 0x2D0,
};

#define HEADER_MAGIC 0x53726448 // "HdrS"
#define BOOT_FLAG_MAGIC 0xAA55

struct __attribute__((packed)) e820_entry {
  uint64_t start, length;
  uint32_t type;
};

static const uint8_t *params;

static uint32_t read32(uint32_t offset)
{
  return *(const uint32_t *)(params + offset);
}

static uint64_t read_extended(uint32_t low, uint32_t high)
{
  return (uint64_t)read32(high) << 32 | read32(low);
}

static const char *protocol_name(uint64_t entry)
{
  return entry == LINUX_ELF ? "linux-elf" : entry == LINUX_BZ_32 ? "linux32" : "linux64";
}

void boot_entry(uint64_t address, uint64_t entry)
{
  params = boot_pointer(address);
  boot_begin(protocol_name(entry));
  if (*(const uint16_t *)(params + BOOT_FLAG) != BOOT_FLAG_MAGIC)
    boot_error("no-boot-flag");
  else if (read32(HEADER) != HEADER_MAGIC)
    boot_error("no-HdrS");
  else if (params[TYPE_OF_LOADER] == 0)
    boot_error("no-type-of-loader");
  boot_command_line(read_extended(CMD_LINE_PTR, EXT_CMD_LINE_PTR));
  boot_rsdp(read_extended(ACPI_RSDP, ACPI_RSDP + 4));
  uint64_t ramdisk_size = read_extended(RAMDISK_SIZE, EXT_RAMDISK_SIZE);
  if (ramdisk_size != 0)
    boot_module(read_extended(RAMDISK_IMAGE, EXT_RAMDISK_IMAGE), ramdisk_size, 0);
  const struct e820_entry *map = boot_pointer(address + E820_TABLE);
  for (uint32_t i = 0; i < params[E820_ENTRIES]; i++)
    boot_memory(map[i].start, map[i].length, map[i].type);
  boot_end();
}
