#include "lib/boot.h"

#include "lib/check.h"

static struct boot_info info;
static char command_line[MAX_COMMAND_LINE];

void boot_begin(const char *protocol)
{
  info.protocol = protocol;
  info.command_line = "";
}

void boot_error(const char *error)
{
  info.error = error;
}

// A copy, because the loader may have put it where a program writes (the trampoline of lib/smp.c, say).
void boot_command_line(uint64_t address)
{
  if (address == 0)
    return;
  const char *from = boot_pointer(address);
  uint32_t length = 0;
  while (from[length] != '\0' && length < MAX_COMMAND_LINE - 1) {
    command_line[length] = from[length];
    length++;
  }
  if (from[length] != '\0')
    boot_error("command-line-too-long");
  info.command_line = command_line;
  info.has_command_line = true;
}

void boot_rsdp(uint64_t address)
{
  info.rsdp = address;
}

void boot_memory(uint64_t start, uint64_t length, uint32_t type)
{
  if (info.memory_ranges == MAX_MEMORY_RANGES) {
    boot_error("too-many-memory-ranges");
    return;
  }
  info.memory[info.memory_ranges++] = (struct memory_range){start, length, type};
}

void boot_module(uint64_t start, uint64_t length, uint64_t string)
{
  if (info.modules == MAX_MODULES) {
    boot_error("too-many-modules");
    return;
  }
  info.module[info.modules++] =
    (struct boot_module){start, length, string == 0 ? "" : (const char *)boot_pointer(string)};
}

void boot_end(void)
{
  kmain(&info);
  finish();
}
