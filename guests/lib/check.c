#include "lib/check.h"

#include "lib/cpu.h"
#include "lib/io.h"
#include "lib/print.h"

static uint32_t passed, failed;

void check_begin(const char *name, bool ok)
{
  if (ok)
    passed++;
  else
    failed++;
  put_str(guest_name);
  put_char('.');
  put_str(name);
  put_str(ok ? " PASS " : " FAIL ");
}

void check_end(void)
{
  put_char('\n');
}

void check(const char *name, bool ok)
{
  check_begin(name, ok);
  check_end();
}

void check_text(const char *name, bool ok, const char *value)
{
  check_begin(name, ok);
  put_token(value);
  check_end();
}

void check_dec(const char *name, bool ok, uint64_t value)
{
  check_begin(name, ok);
  put_dec(value);
  check_end();
}

void check_hex(const char *name, bool ok, uint64_t value)
{
  check_begin(name, ok);
  put_hex(value);
  check_end();
}

const char *numbered(const char *prefix, uint64_t number, const char *suffix)
{
  static char name[64];
  char digits[20];
  unsigned length = 0, count = 0;
  while (*prefix != '\0' && length < 20)
    name[length++] = *prefix++;
  do {
    digits[count++] = (char)('0' + number % 10);
    number /= 10;
  } while (number != 0);
  while (count > 0)
    name[length++] = digits[--count];
  while (*suffix != '\0' && length < sizeof name - 1)
    name[length++] = *suffix++;
  name[length] = '\0';
  return name;
}

void note(const char *text)
{
  put_str("# ");
  put_str(text);
  put_char('\n');
}

void note_dec(const char *text, uint64_t value)
{
  put_str("# ");
  put_str(text);
  put_char(' ');
  put_dec(value);
  put_char('\n');
}

void note_hex(const char *text, uint64_t value)
{
  put_str("# ");
  put_str(text);
  put_char(' ');
  put_hex(value);
  put_char('\n');
}

void print_summary(void)
{
  put_str(guest_name);
  put_str(" END ");
  put_dec(passed);
  put_char(' ');
  put_dec(failed);
  put_char('\n');
}

void finish(void)
{
  print_summary();
  out32(DEBUG_EXIT, failed == 0 ? 0 : 1);
  halt_for_ever();
}
