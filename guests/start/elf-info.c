// A plain ELF gets no information.
#include "lib/boot.h"

void boot_entry(uint64_t address, uint64_t magic)
{
  (void)address;
  (void)magic;
  boot_begin("elf");
  boot_end();
}
