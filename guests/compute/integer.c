#include "compute/loops.h"

#define STEPS 100000

word integer_pass(void)
{
  word a = 1, b = 2, c = 3;
  for (uint32_t i = 0; i < STEPS; i++) {
    a += b ^ c >> 3;
    b = (b << 7 | b >> (sizeof b * 8 - 7)) + i;
    c = c * 0x9E3779B1u - a;
    a ^= c << 5;
    b = b > c ? b - c : b + 1;
  }
  return a ^ b ^ c;
}

word divide_pass(void)
{
  word sum = 0;
  word dividend = ~(word)0;
  for (uint32_t i = 1; i <= STEPS / 10; i++) {
    word divisor = i * 77 + 3;
    sum += dividend / divisor ^ dividend % divisor;
    dividend -= sum >> 3;
  }
  for (int32_t i = 1; i <= STEPS / 10; i++)
    sum += (word)((int32_t)sum / i);
  return sum;
}

word bits_pass(void)
{
  word sum = 0;
  uint32_t x = 0x12345678;
  for (uint32_t i = 0; i < STEPS / 4; i++) {
    x = next_random(x);
    uint32_t first = (uint32_t)__builtin_ctz(x), last = 31 ^ (uint32_t)__builtin_clz(x);
    uint32_t swapped = __builtin_bswap32(x);
    uint8_t set;
    __asm__("bt %2, %1; setc %0" : "=q"(set) : "r"(swapped), "r"(first) : "cc");
    __asm__("bts %1, %0; btr %2, %0" : "+r"(swapped) : "r"(first), "r"(last) : "cc");
    __asm__("shld $5, %1, %0" : "+r"(swapped) : "r"(x) : "cc");
    sum += (first << set) + last + swapped;
  }
  return sum;
}

word atomic_pass(void)
{
  static uint32_t lock, counter;
  counter = 0;
  for (uint32_t i = 0; i < STEPS / 8; i++) {
    uint32_t free = 0;
    while (!__atomic_compare_exchange_n(&lock, &free, 1, 0, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST))
      free = 0;
    __atomic_fetch_add(&counter, i, __ATOMIC_SEQ_CST);
    __atomic_or_fetch(&counter, 1, __ATOMIC_SEQ_CST);
    __atomic_exchange_n(&lock, 0, __ATOMIC_SEQ_CST);
  }
  return counter;
}
