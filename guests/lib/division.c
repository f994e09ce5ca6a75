// Quotients of 64 bits for guests of 32 bits: the compiler calls these two (GCC internals, "Routines for integer
// arithmetic"), which come with a library that not every compiler has at that width.
#include <stdint.h>

#ifndef __x86_64__
uint64_t __udivdi3(uint64_t dividend, uint64_t divisor);
uint64_t __umoddi3(uint64_t dividend, uint64_t divisor);

static uint64_t divide(uint64_t dividend, uint64_t divisor, uint64_t *remainder)
{
  uint64_t quotient = 0, rest = 0;
  for (int bit = 63; bit >= 0; bit--) {
    rest = rest << 1 | (dividend >> bit & 1);
    if (rest >= divisor) {
      rest -= divisor;
      quotient |= 1ull << bit;
    }
  }
  *remainder = rest;
  return quotient;
}

uint64_t __udivdi3(uint64_t dividend, uint64_t divisor)
{
  uint64_t remainder;
  return divide(dividend, divisor, &remainder);
}

uint64_t __umoddi3(uint64_t dividend, uint64_t divisor)
{
  uint64_t remainder;
  divide(dividend, divisor, &remainder);
  return remainder;
}
#endif
