#include "compute/loops.h"

#define BYTES (1u << 16)
#define SHORT_COPIES 4096

static uint8_t from[BYTES] __attribute__((aligned(4096))), to[BYTES] __attribute__((aligned(4096)));

void strings_prepare(void)
{
  uint32_t x = 31;
  for (uint32_t i = 0; i < BYTES; i++) {
    x = next_random(x);
    from[i] = (uint8_t)(x >> 8) | 1;
  }
}

static inline void copy(void *out, const void *in, word length)
{
  __asm__ volatile("rep movsb" : "+D"(out), "+S"(in), "+c"(length) : : "memory");
}

static word sample(void)
{
  word sum = 0;
  for (uint32_t i = 0; i < BYTES; i += 1021)
    sum = sum * 31 + to[i];
  return sum;
}

// Bytes, then words of four.
word movs_pass(void)
{
  copy(to, from + 1, BYTES - 1);
  void *out = to;
  const void *in = from;
  word length = BYTES / 8;
  __asm__ volatile("rep movsl" : "+D"(out), "+S"(in), "+c"(length) : : "memory");
  return sample();
}

word movs_short_pass(void)
{
  uint32_t x = 41;
  for (uint32_t i = 0; i < SHORT_COPIES; i++) {
    x = next_random(x);
    copy(to + (i * 16 & (BYTES / 2 - 1)), from + (x & 0x3FFF), 8 + (x >> 20 & 63));
  }
  word sum = 0;
  for (uint32_t i = 0; i < BYTES / 2; i += 1021)
    sum = sum * 31 + to[i];
  return sum;
}

word stos_pass(void)
{
  void *out = to;
  word length = BYTES;
  __asm__ volatile("rep stosb" : "+D"(out), "+c"(length) : "a"(0x5A) : "memory");
  out = to;
  length = BYTES / 8;
  __asm__ volatile("rep stosl" : "+D"(out), "+c"(length) : "a"(0x01020304) : "memory");
  return sample();
}

// No byte of `from` is zero: as strlen.
word scas_pass(void)
{
  const void *in = from;
  word length = BYTES / 2;
  __asm__ volatile("repne scasb" : "+D"(in), "+c"(length) : "a"(0) : "memory", "cc");
  return (word)((const uint8_t *)in - from) + length;
}

word cmps_pass(void)
{
  copy(to, from, BYTES / 2);
  to[BYTES / 2 - 2] ^= 0x80;
  const void *a = from, *b = to;
  word length = BYTES / 2;
  __asm__ volatile("repe cmpsb" : "+S"(a), "+D"(b), "+c"(length) : : "memory", "cc");
  return (word)((const uint8_t *)a - from) + length;
}
