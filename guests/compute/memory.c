#include "compute/loops.h"

#define WORDS (1u << 18) // 1 or 2 MiB
#define LINES (1u << 15) // of 64 bytes: 2 MiB
#define RANDOM_STEPS 100000

static word words[WORDS], places[WORDS];

static struct line {
  struct line *next;
  word value;
  uint8_t rest[64 - 2 * sizeof(word)];
} lines[LINES] __attribute__((aligned(64)));

void memory_prepare(void)
{
  for (uint32_t i = 0; i < WORDS; i++)
    places[i] = i * 3;
  // One cycle through all lines (Sattolo).
  for (uint32_t i = 0; i < LINES; i++)
    lines[i].value = i;
  uint32_t x = 1;
  for (uint32_t i = LINES - 1; i > 0; i--) {
    x = next_random(x);
    uint32_t j = x % i;
    word other = lines[j].value;
    lines[j].value = lines[i].value;
    lines[i].value = other;
  }
  for (uint32_t i = 0; i < LINES; i++)
    lines[i].next = &lines[lines[i].value];
}

word sequential_pass(void)
{
  for (uint32_t i = 0; i < WORDS; i++)
    words[i] = i;
  word sum = 0;
  for (uint32_t i = 1; i < WORDS; i++) {
    words[i] += words[i - 1];
    sum ^= words[i];
  }
  return sum;
}

// A write leaves what was there, so that every pass reads the same.
word random_pass(void)
{
  word sum = 0;
  uint32_t x = 99;
  for (uint32_t i = 0; i < RANDOM_STEPS; i++) {
    x = next_random(x);
    uint32_t place = x >> 14;
    places[place] = place * 3;
    sum = sum * 5 + places[x % WORDS];
  }
  return sum;
}

word chase_pass(void)
{
  word sum = 0;
  const struct line *line = lines;
  do {
    sum = sum * 5 + line->value;
    line = line->next;
  } while (line != lines);
  return sum;
}
