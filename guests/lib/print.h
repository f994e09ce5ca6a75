// Text on the serial port.
#pragma once
#include <stdint.h>

void put_char(char c);
void put_str(const char *text);
void put_dec(uint64_t value);
// With 0x and without leading zeroes.
void put_hex(uint64_t value);
// Two digits, no 0x.
void put_hex_byte(uint8_t value);
// As one token of the line protocol: `%`, blanks and bytes that are not printable ASCII become %XX.
void put_token(const char *text);
