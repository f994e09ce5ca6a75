// Memory and strings. The compiler may call memcpy, memset, memmove and memcmp by itself.
#pragma once
#include <stdbool.h>
#include <stddef.h>

void *memcpy(void *to, const void *from, size_t length);
void *memmove(void *to, const void *from, size_t length);
void *memset(void *to, int value, size_t length);
int memcmp(const void *a, const void *b, size_t length);

size_t string_length(const char *string);
