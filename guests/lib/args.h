// Options `key=value` of the command line, separated by blanks.
#pragma once
#include <stdbool.h>
#include <stdint.h>

struct text {
  const char *start;
  uint32_t length;
};

// The value of the last `key=…`; false when there is none.
bool option(const char *command_line, const char *key, struct text *value);
// A decimal or 0x… number; `otherwise` when the option is absent or not a number.
uint64_t option_number(const char *command_line, const char *key, uint64_t otherwise);

bool text_is(struct text text, const char *string);
bool text_starts(struct text text, const char *string);
bool text_number(struct text text, uint64_t *number);
