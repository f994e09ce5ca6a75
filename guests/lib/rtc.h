// The MC146818 real-time clock.
#pragma once
#include <stdint.h>

#define RTC_IRQ 8

#define RTC_SECONDS 0x00
#define RTC_MINUTES 0x02
#define RTC_HOURS 0x04
#define RTC_DAY 0x07
#define RTC_MONTH 0x08
#define RTC_YEAR 0x09
#define RTC_A 0x0A
#define RTC_B 0x0B
#define RTC_C 0x0C
#define RTC_D 0x0D
#define RTC_CENTURY 0x32

#define RTC_A_UPDATING 0x80
#define RTC_A_DIVIDER 0x20 // 32768 Hz
#define RTC_A_64_HZ 0x0A
#define RTC_B_24_HOURS 0x02
#define RTC_B_BINARY 0x04
#define RTC_B_PERIODIC 0x40
#define RTC_C_PERIODIC 0x40
#define RTC_D_VALID 0x80

// Safe against an interrupt handler that uses the index register too.
uint8_t rtc_read(uint8_t index);
void rtc_write(uint8_t index, uint8_t value);
