// Loops that a processor's speed can be measured by, each between `# begin <loop>` and `# end <loop>`: loop=NAME for one
// of them, scale=N for N times as many passes, 0 for just the one before `begin`. The sums that they are checked against
// are those of a processor.
#include "compute/loops.h"
#include "compute/traps.h"
#include "lib/args.h"
#include "lib/boot.h"
#include "lib/check.h"
#include "lib/cpu.h"
#include "lib/print.h"

const char guest_name[] = "compute";

#define REST 50000000 // time stamp counts

#define CR0_EM 0x04
#define CR0_MP 0x02
#define CR4_OSFXSR 0x200
#define CR4_OSXMMEXCPT 0x400

#ifdef __x86_64__
#define BY_WIDTH(of64, of32) (of64)
#else
#define BY_WIDTH(of64, of32) (of32)
#endif

static const struct loop {
  const char *name;
  pass *pass;
  uint32_t passes;
  word expected;
} loops[] = {
  {"integer", integer_pass, 100, BY_WIDTH(0x138c97a407765603, 0xe9850029)},
  {"divide", divide_pass, 400, BY_WIDTH(0x16dbc4907fffffd7, 0x7ffcb94e)},
  {"bits", bits_pass, 300, BY_WIDTH(0x309de9be3d4e, 0xe9be3d4e)},
  {"atomic", atomic_pass, 400, 0x4a817c9},
  {"sequential", sequential_pass, 40, BY_WIDTH(0x3b99c0000, 0xb99c0000)},
  {"random", random_pass, 80, BY_WIDTH(0xbab0c6e0413f4482, 0x413f4482)},
  {"chase", chase_pass, 60, BY_WIDTH(0xb55eb56c46dfb4bc, 0x46dfb4bc)},
  {"call", call_pass, 500, 0x1a6d},
  {"pointer", pointer_pass, 60, BY_WIDTH(0xad922afd235fd70, 0x779605)},
  {"jump-table", jump_table_pass, 60, BY_WIDTH(0xaddf3a6a253b2331, 0x2e38615e)},
  {"sort", sort_pass, 60, BY_WIDTH(0xa5410a7b32611938, 0x32611938)},
  {"hash", hash_pass, 200, BY_WIDTH(0xfc98332fd89df0d2, 0xd89df0d2)},
  {"x87", x87_pass, 10, 0x107bbc38},
  {"sse-scalar", scalar_pass, 20, 0x1adea66e},
  {"sse-packed-float", packed_float_pass, 50, BY_WIDTH(0xfffffffffff75295, 0xfff75295)},
  {"sse-packed-integer", packed_integer_pass, 400, 0xa7e4d7eb},
  {"movs", movs_pass, 3000, BY_WIDTH(0x368e54c04b301d5f, 0x4b301d5f)},
  {"movs-short", movs_short_pass, 100, BY_WIDTH(0xcf6177cb797df9b7, 0x797df9b7)},
  {"stos", stos_pass, 3000, BY_WIDTH(0x27541f963d0a9e14, 0x3d0a9e14)},
  {"scas", scas_pass, 3000, 0x8000},
  {"cmps", cmps_pass, 2000, 0x8000},
  {"port-write", port_write_pass, 400, 2000},
  {"port-read", port_read_pass, 400, 2000},
  {"mmio-read", mmio_read_pass, 500, 0},
  {"trap", trap_pass, 40, 5000},
  {"page-fault", page_fault_pass, 60, 0x7fe00},
  {"tlb-miss", tlb_miss_pass, 20, BY_WIDTH(0x2b84cf0db94d7cf4, 0xb94d7cf4)},
  {"tlb-flush", tlb_flush_pass, 200, 0x145000},
};

static void enable_sse(void)
{
  word value;
  __asm__ volatile("mov %%cr0, %0" : "=r"(value));
  __asm__ volatile("mov %0, %%cr0" : : "r"((value & ~(word)CR0_EM) | CR0_MP));
  __asm__ volatile("mov %%cr4, %0" : "=r"(value));
  __asm__ volatile("mov %0, %%cr4; fninit" : : "r"(value | CR4_OSFXSR | CR4_OSXMMEXCPT));
}

static void note_loop(const char *what, const char *name)
{
  put_str("# ");
  put_str(what);
  put_char(' ');
  put_str(name);
  put_char('\n');
}

static void measure(const struct loop *loop, uint64_t scale)
{
  // The first pass translates and fills caches, on whatever has some.
  word result = loop->pass();
  uint32_t different = 0;
  uint64_t passes = loop->passes * scale;
  note_loop("begin", loop->name);
  uint64_t start = read_tsc();
  while (passes-- > 0)
    different |= loop->pass() != result;
  uint64_t cycles = read_tsc() - start;
  note_loop("end", loop->name);
  note_dec("cycles", cycles);
  check_hex(loop->name, result == loop->expected && !different, result);
}

// Who watches the lines from outside has time to look at the machine's process after the last one.
static void rest(void)
{
  uint64_t start = read_tsc();
  while (read_tsc() - start < REST)
    pause();
}

void kmain(const struct boot_info *boot)
{
  struct text wanted = {"", 0};
  option(boot->command_line, "loop", &wanted);
  uint64_t scale = option_number(boot->command_line, "scale", 1);
  traps_init();
  enable_sse();
  memory_prepare();
  strings_prepare();
  paging_prepare();
  uint32_t known = 0;
  for (uint32_t i = 0; i < sizeof loops / sizeof *loops; i++) {
    if (wanted.length > 0 && !text_is(wanted, loops[i].name))
      continue;
    known++;
    measure(&loops[i], scale);
  }
  if (known == 0)
    check_text("loop", false, boot->command_line);
  rest();
  finish();
}
