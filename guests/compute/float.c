#include "compute/loops.h"

#define STEPS 20000

typedef float floats __attribute__((vector_size(16)));
typedef uint32_t integers __attribute__((vector_size(16)));
typedef uint8_t bytes __attribute__((vector_size(16)));

// `long double` is x87's format.
word x87_pass(void)
{
  long double x = 0.5L, y = 0.25L, sum = 0;
  for (int32_t i = 1; i <= STEPS; i++) {
    x = 3.9L * x * (1 - x);
    y = (y + x) / (1 + y);
    sum += y * (long double)i - x;
    if (sum > 1e6L)
      sum -= 1e6L;
    __asm__("fabs; fsqrt" : "+t"(y));
  }
  return (word)(int32_t)(sum * 1024);
}

word scalar_pass(void)
{
  double x = 0.5, y = 0.25, sum = 0;
  for (int32_t i = 1; i <= STEPS; i++) {
    x = 3.9 * x * (1 - x);
    y = (y + x) / (1 + y);
    sum += y * (double)i - x;
    if (sum > 1e6)
      sum -= 1e6;
    __asm__("sqrtsd %0, %0" : "+x"(y));
    sum += (double)((int32_t)(y * 100) & 1) - (double)(float)x;
  }
  return (word)(int32_t)(sum * 1024);
}

// A product of 4 x 4 matrices, again and again.
word packed_float_pass(void)
{
  floats m[4] = {{0.5f, 0.25f, -0.5f, 0.125f}, {-0.25f, 0.5f, 0.25f, -0.5f}, {0.5f, 0.5f, 0.5f, -0.25f}, {0.125f, -0.5f, 0.25f, 0.5f}};
  floats v[4] = {{1, 2, 3, 4}, {4, 3, 2, 1}, {2, 1, 4, 3}, {3, 4, 1, 2}};
  const floats most = {8, 8, 8, 8}, shift = {1, 1, 1, 1};
  for (uint32_t i = 0; i < STEPS / 8; i++) {
    for (int row = 0; row < 4; row++) {
      floats a = v[row];
      floats r = __builtin_ia32_shufps(a, a, 0x00) * m[0] + __builtin_ia32_shufps(a, a, 0x55) * m[1] +
        __builtin_ia32_shufps(a, a, 0xAA) * m[2] + __builtin_ia32_shufps(a, a, 0xFF) * m[3] + shift;
      v[row] = __builtin_ia32_minps(r, most);
    }
  }
  floats total = v[0] + v[1] + v[2] + v[3];
  float sum = total[0] + 2 * total[1] + 4 * total[2] + 8 * total[3];
  return (word)(int32_t)(sum * 4096);
}

// A checksum over bytes as vector code does it: compare, mask, unpack, shuffle, add.
word packed_integer_pass(void)
{
  static bytes data[256];
  uint32_t x = 17;
  for (uint32_t i = 0; i < 256; i++)
    for (uint32_t j = 0; j < 4; j++)
      ((integers *)data)[i][j] = x = next_random(x);
  integers sum = {0, 0, 0, 0}, mix = {1, 2, 3, 4};
  word found = 0;
  const bytes zero = {0}, wanted = {0x20, 0x41, 0x7F, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12};
  for (uint32_t round = 0; round < 8; round++) {
    for (uint32_t i = 0; i < 256; i++) {
      bytes a = data[i];
      found += (word)__builtin_ia32_pmovmskb128((char __attribute__((vector_size(16))))(a == wanted));
      integers low = (integers)__builtin_shuffle(a, zero, (bytes){0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23});
      sum += low;
      mix = __builtin_shuffle(mix, (integers){2, 3, 0, 1}) ^ ((integers)a & sum);
      mix = (mix << 3) + (mix >> 5);
    }
  }
  return found + (sum[0] ^ sum[1] ^ sum[2] ^ sum[3]) + (mix[0] ^ mix[1] ^ mix[2] ^ mix[3]);
}
