#include "lib/print.h"

#include "lib/serial.h"

static const char digits[] = "0123456789abcdef";

void put_char(char c)
{
  serial_put(c);
}

void put_str(const char *text)
{
  while (*text != '\0')
    serial_put(*text++);
}

void put_dec(uint64_t value)
{
  char text[20];
  unsigned length = 0;
  do {
    text[length++] = digits[value % 10];
    value /= 10;
  } while (value != 0);
  while (length > 0)
    serial_put(text[--length]);
}

void put_hex(uint64_t value)
{
  int shift = 60;
  while (shift > 0 && (value >> shift) == 0)
    shift -= 4;
  put_str("0x");
  for (; shift >= 0; shift -= 4)
    serial_put(digits[(value >> shift) & 15]);
}

void put_hex_byte(uint8_t value)
{
  serial_put(digits[value >> 4]);
  serial_put(digits[value & 15]);
}

void put_token(const char *text)
{
  for (; *text != '\0'; text++) {
    uint8_t c = (uint8_t)*text;
    if (c > ' ' && c < 0x7F && c != '%') {
      serial_put(*text);
    } else {
      serial_put('%');
      put_hex_byte(c);
    }
  }
}
