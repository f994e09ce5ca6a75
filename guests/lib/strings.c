#include "lib/strings.h"

#include <stdint.h>

void *memcpy(void *to, const void *from, size_t length)
{
  void *result = to;
  __asm__ volatile("rep movsb" : "+D"(to), "+S"(from), "+c"(length) : : "memory");
  return result;
}

// No loops in these three: the compiler would make calls of them to the function itself.
void *memmove(void *to, const void *from, size_t length)
{
  if ((uintptr_t)to - (uintptr_t)from >= length)
    return memcpy(to, from, length);
  const char *in = (const char *)from + length - 1;
  char *out = (char *)to + length - 1;
  __asm__ volatile("std; rep movsb; cld" : "+D"(out), "+S"(in), "+c"(length) : : "memory", "cc");
  return to;
}

void *memset(void *to, int value, size_t length)
{
  void *result = to;
  __asm__ volatile("rep stosb" : "+D"(to), "+c"(length) : "a"(value) : "memory");
  return result;
}

int memcmp(const void *a, const void *b, size_t length)
{
  const uint8_t *x = a, *y = b;
  for (size_t i = 0; i < length; i++)
    if (x[i] != y[i])
      return x[i] < y[i] ? -1 : 1;
  return 0;
}

size_t string_length(const char *string)
{
  size_t length = 0;
  while (string[length] != '\0')
    length++;
  return length;
}
