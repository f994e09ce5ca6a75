#include "compute/loops.h"

#define FIBONACCI 20
#define CALLS 50000
#define VALUES 4096
#define NAMES 512
#define BUCKETS 256

__attribute__((noinline)) static word fibonacci(word n)
{
  // The barrier keeps the compiler from unrolling the recursion.
  __asm__ volatile("" : "+r"(n));
  return n < 2 ? n : fibonacci(n - 1) + fibonacci(n - 2);
}

word call_pass(void)
{
  return fibonacci(FIBONACCI);
}

static word plus_one(word x) { return x + 1; }
static word times_three(word x) { return x * 3; }
static word exclusive(word x) { return x ^ 0x5A5A; }
static word halved(word x) { return x >> 1; }

word pointer_pass(void)
{
  static word (*volatile functions[4])(word) = {plus_one, times_three, exclusive, halved};
  word x = 7;
  uint32_t random = 3;
  for (uint32_t i = 0; i < CALLS; i++) {
    random = next_random(random);
    x = functions[random % 4](x);
  }
  return x;
}

// An interpreter of eight operations, each of which ends in a jump of its own through the table.
word jump_table_pass(void)
{
  static const void *const labels[8] = {&&add, &&sub, &&xor, &&shift, &&swap, &&invert, &&twice, &&skip};
  word a = 1, b = 2, other;
  uint32_t random = 5, left = CALLS;
#define NEXT                                \
  do {                                      \
    if (left-- == 0)                        \
      return a ^ b;                         \
    random = next_random(random);           \
    goto *labels[random % 8];               \
  } while (0)
  NEXT;
add:
  a += b;
  NEXT;
sub:
  b -= a;
  NEXT;
xor:
  a ^= b;
  NEXT;
shift:
  b >>= 1;
  NEXT;
swap:
  other = a;
  a = b;
  b = other;
  NEXT;
invert:
  a = ~a;
  NEXT;
twice:
  b <<= 1;
  NEXT;
skip:
  NEXT;
#undef NEXT
}

static void sift_down(uint32_t *heap, uint32_t root, uint32_t end)
{
  for (;;) {
    uint32_t child = 2 * root + 1;
    if (child >= end)
      return;
    if (child + 1 < end && heap[child] < heap[child + 1])
      child++;
    if (heap[root] >= heap[child])
      return;
    uint32_t value = heap[root];
    heap[root] = heap[child];
    heap[child] = value;
    root = child;
  }
}

// Heap sort.
word sort_pass(void)
{
  static uint32_t values[VALUES];
  uint32_t x = 11;
  for (uint32_t i = 0; i < VALUES; i++)
    values[i] = x = next_random(x);
  for (uint32_t root = VALUES / 2; root-- > 0;)
    sift_down(values, root, VALUES);
  for (uint32_t end = VALUES; end-- > 1;) {
    uint32_t largest = values[0];
    values[0] = values[end];
    values[end] = largest;
    sift_down(values, 0, end);
  }
  word sum = 0;
  for (uint32_t i = 0; i < VALUES; i++)
    sum = sum * 3 + (values[i] ^ i);
  return sum;
}

struct entry {
  char name[16];
  uint32_t count;
  struct entry *next;
};

static uint32_t hash(const char *name)
{
  // FNV-1a
  uint32_t sum = 2166136261u;
  while (*name != '\0')
    sum = (sum ^ (uint8_t)*name++) * 16777619u;
  return sum;
}

static int same(const char *a, const char *b)
{
  while (*a == *b) {
    if (*a == '\0')
      return 1;
    a++;
    b++;
  }
  return 0;
}

// Words of a text, counted in a hash table with chains.
word hash_pass(void)
{
  static struct entry entries[NAMES];
  static struct entry *buckets[BUCKETS];
  uint32_t used = 0, x = 21;
  for (uint32_t i = 0; i < BUCKETS; i++)
    buckets[i] = 0;
  for (uint32_t i = 0; i < NAMES * 8; i++) {
    x = next_random(x);
    char name[16];
    uint32_t number = x % NAMES, length = 0;
    do {
      name[length++] = (char)('a' + number % 7);
      number /= 7;
    } while (number != 0);
    name[length] = '\0';
    struct entry **bucket = &buckets[hash(name) % BUCKETS], *entry = *bucket;
    while (entry != 0 && !same(entry->name, name))
      entry = entry->next;
    if (entry == 0) {
      entry = &entries[used++];
      for (uint32_t j = 0; j <= length; j++)
        entry->name[j] = name[j];
      entry->count = 0;
      entry->next = *bucket;
      *bucket = entry;
    }
    entry->count++;
  }
  word sum = used;
  for (uint32_t i = 0; i < used; i++)
    sum = sum * 7 + entries[i].count;
  return sum;
}
