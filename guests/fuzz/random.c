#include "fuzz/random.h"

static uint32_t state;

void random_seed(uint32_t seed)
{
  state = seed;
}

uint32_t random32(void)
{
  state += 0x9E3779B9u;
  uint32_t mixed = (state ^ state >> 16) * 0x21F0AAADu;
  mixed = (mixed ^ mixed >> 15) * 0x735A2D97u;
  return mixed ^ mixed >> 15;
}

uint32_t random_below(uint32_t limit)
{
  return random32() % limit;
}

bool one_in(uint32_t times)
{
  return random_below(times) == 0;
}

uint32_t random_value(void)
{
  static const uint32_t edges[] = {
    0,      1,      2,      3,       4,       7,          8,          15,         16,         31,         32,
    63,     64,     127,    128,     255,     256,        257,        511,        512,        513,        1023,
    1024,   4095,   4096,   4097,    0x7FFF,  0x8000,     0xFFFE,     0xFFFF,     0x10000,    0x7FFFFFFF, 0x80000000,
    0x80000001, 0xFFFFF000, 0xFFFFFFFE, 0xFFFFFFFF, 0xFEE00000, 0xFEC00000, 0xE0000000, 0xC0000000,
  };
  uint32_t bits = random32();
  switch (bits >> 30) {
  case 0:
    return RANDOM_OF(edges);
  case 1:
    return 1u << (bits & 31);
  case 2:
    return bits & 0xFF;
  default:
    return random32();
  }
}

unsigned random_size(void)
{
  return 1u << random_below(3);
}
