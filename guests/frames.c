// Exits from known call stacks in code without frame pointers, which call frame information alone tells: n=COUNT of each.
// The Makefile has it compiled with -fomit-frame-pointer and -fasynchronous-unwind-tables.
#include "lib/args.h"
#include "lib/boot.h"
#include "lib/check.h"
#include "lib/io.h"

#define POST_CODE 0x80
#define DEFAULT_COUNT 10

const char guest_name[] = "frames";

#define FUNCTION __attribute__((noipa)) static

// RBP is a register like all others here: what it holds looks like the address of a frame and is none.
static uint64_t decoy[2] = {0, 0x100000};

FUNCTION void use(volatile uint8_t *bytes, unsigned count)
{
  for (unsigned i = 0; i < count; i++)
    bytes[i] = (uint8_t)i;
}

// Has nothing on the stack but its return address.
FUNCTION void leaf(void)
{
  in8(POST_CODE);
}

FUNCTION void large(void)
{
  volatile uint8_t bytes[5000];
  use(bytes, sizeof bytes);
  leaf();
  use(bytes, 1);
}

// A frame whose size is known when it runs.
FUNCTION void variable(unsigned size)
{
  volatile uint8_t bytes[size];
  use(bytes, size);
  leaf();
  use(bytes, 1);
}

// A stack that is aligned anew, so that the caller's is found through memory.
FUNCTION void aligned(void)
{
  volatile uint8_t bytes[256] __attribute__((aligned(128)));
  use(bytes, sizeof bytes);
  leaf();
  use(bytes, 1);
}

// Its caller has pushed arguments when it is called.
FUNCTION uint64_t many(uint64_t a, uint64_t b, uint64_t c, uint64_t d, uint64_t e, uint64_t f, uint64_t g, uint64_t h)
{
  leaf();
  return a + b + c + d + e + f + g + h;
}

FUNCTION void recursive(unsigned depth)
{
  if (depth > 0)
    recursive(depth - 1);
  else
    leaf();
  __asm__ volatile("");
}

FUNCTION void with_decoy(uint64_t count)
{
  // Kept in RBP over the calls, since all other registers that calls preserve are taken away.
  register uint64_t *frame __asm__("rbp") = decoy;
  __asm__ volatile("" : "+r"(frame) : : "rbx", "r12", "r13", "r14", "r15");
  while (count-- > 0) {
    large();
    variable(200);
    aligned();
    many(1, 2, 3, 4, 5, 6, 7, 8);
    recursive(5);
    __asm__ volatile("" : "+r"(frame));
  }
}

void kmain(const struct boot_info *boot)
{
  uint64_t n = option_number(boot->command_line, "n", DEFAULT_COUNT);
  with_decoy(n);
  check_dec("exits", true, 5 * n);
  finish();
}
