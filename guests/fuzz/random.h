// What the guest does follows from its seed alone, whatever devices answer.
#pragma once
#include <stdbool.h>
#include <stdint.h>

void random_seed(uint32_t seed);
// 32 bits: splitmix32.
uint32_t random32(void);
// 0 to `limit` − 1.
uint32_t random_below(uint32_t limit);
// True once in `times`.
bool one_in(uint32_t times);
// A limit of a width, a page or a ring, one bit, a small number, or any.
uint32_t random_value(void);
// 1, 2 or 4.
unsigned random_size(void);

#define RANDOM_OF(list) ((list)[random_below(sizeof(list) / sizeof *(list))])
