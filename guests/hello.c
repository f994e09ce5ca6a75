// Says hello as early as it can, then prints what the boot protocol handed over.
#include "lib/boot.h"
#include "lib/check.h"
#include "lib/idt.h"
#include "lib/print.h"

#define SHOWN_BYTES 16

const char guest_name[] = "hello";

extern const char image_start[], image_end[];

static bool overlap(const struct memory_range *a, const struct memory_range *b)
{
  return a->start < b->start + b->length && b->start < a->start + a->length;
}

static void show_command_line(const struct boot_info *boot)
{
  if (boot->has_command_line)
    check_text("command-line", true, boot->command_line);
  else
    note("no command line");
}

// Plausible: some usable memory, this program inside it, and nothing described twice.
static void show_memory(const struct boot_info *boot)
{
  if (boot->memory_ranges == 0) {
    note("no memory map");
    return;
  }
  uint64_t usable = 0;
  bool disjoint = true, holds_image = false;
  for (uint32_t i = 0; i < boot->memory_ranges; i++) {
    const struct memory_range *range = &boot->memory[i];
    put_str("# memory ");
    put_hex(range->start);
    put_char(' ');
    put_hex(range->length);
    put_char(' ');
    put_dec(range->type);
    put_char('\n');
    if (range->type == MEMORY_USABLE) {
      usable += range->length;
      if (range->start <= (uint64_t)image_start && range->start + range->length >= (uint64_t)image_end)
        holds_image = true;
    }
    for (uint32_t j = 0; j < i; j++)
      if (overlap(range, &boot->memory[j]))
        disjoint = false;
  }
  check_dec("memory-ranges", disjoint, boot->memory_ranges);
  check_dec("memory-usable", holds_image, usable);
}

static void show_bytes(const char *name, const uint8_t *bytes, uint64_t count)
{
  check_begin(name, true);
  for (uint64_t i = 0; i < count; i++)
    put_hex_byte(bytes[i]);
  check_end();
}

static void show_modules(const struct boot_info *boot)
{
  check_dec("modules", true, boot->modules);
  for (uint32_t i = 0; i < boot->modules; i++) {
    const struct boot_module *module = &boot->module[i];
    const uint8_t *bytes = boot_pointer(module->start);
    uint64_t shown = module->length < SHOWN_BYTES ? module->length : SHOWN_BYTES;
    check_hex(numbered("module", i, ".address"), module->start >= (uint64_t)image_end || module->start < 0x100000,
              module->start);
    check_dec(numbered("module", i, ".length"), true, module->length);
    check_text(numbered("module", i, ".string"), true, module->string);
    show_bytes(numbered("module", i, ".first"), bytes, shown);
    show_bytes(numbered("module", i, ".last"), bytes + module->length - shown, shown);
  }
}

void kmain(const struct boot_info *boot)
{
  put_str("# hello from tsvmm\n");
  idt_init();
  check_text("protocol", !boot->error, boot->error ? boot->error : boot->protocol);
  show_command_line(boot);
  show_memory(boot);
  show_modules(boot);
  note_hex("rsdp", boot->rsdp);
  finish();
}
