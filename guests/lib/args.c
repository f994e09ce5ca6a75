#include "lib/args.h"

#include "lib/strings.h"

bool option(const char *command_line, const char *key, struct text *value)
{
  uint32_t key_length = (uint32_t)string_length(key);
  bool found = false;
  while (*command_line != '\0') {
    while (*command_line == ' ')
      command_line++;
    uint32_t length = 0;
    while (command_line[length] != '\0' && command_line[length] != ' ')
      length++;
    struct text word = {command_line, length};
    if (length > key_length && text_starts(word, key) && word.start[key_length] == '=') {
      *value = (struct text){word.start + key_length + 1, length - key_length - 1};
      found = true;
    }
    command_line += length;
  }
  return found;
}

uint64_t option_number(const char *command_line, const char *key, uint64_t otherwise)
{
  struct text value;
  uint64_t number;
  return option(command_line, key, &value) && text_number(value, &number) ? number : otherwise;
}

bool text_starts(struct text text, const char *string)
{
  for (uint32_t i = 0; string[i] != '\0'; i++)
    if (i == text.length || text.start[i] != string[i])
      return false;
  return true;
}

bool text_is(struct text text, const char *string)
{
  return text.length == string_length(string) && text_starts(text, string);
}

static int digit_value(char c)
{
  if (c >= '0' && c <= '9')
    return c - '0';
  if (c >= 'a' && c <= 'f')
    return c - 'a' + 10;
  if (c >= 'A' && c <= 'F')
    return c - 'A' + 10;
  return -1;
}

bool text_number(struct text text, uint64_t *number)
{
  int base = 10;
  if (text_starts(text, "0x")) {
    base = 16;
    text.start += 2;
    text.length -= 2;
  }
  *number = 0;
  for (uint32_t i = 0; i < text.length; i++) {
    int digit = digit_value(text.start[i]);
    if (digit < 0 || digit >= base)
      return false;
    *number = *number * (uint64_t)base + (uint64_t)digit;
  }
  return text.length > 0;
}
