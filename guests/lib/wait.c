#include "lib/wait.h"

#include "lib/cpu.h"
#include "lib/pit.h"
#include "lib/rtc.h"

#define MAX_SECONDS 20
#define MAX_POLLS 200000000
#define POLLS_BETWEEN_LOOKS 4096 // at the clock: a look costs two exits

struct patience {
  uint32_t polls, seconds;
  uint8_t second;
};

static bool exhausted(struct patience *patience)
{
  pause();
  if (++patience->polls % POLLS_BETWEEN_LOOKS != 0)
    return false;
  uint8_t second = rtc_read(RTC_SECONDS);
  if (second != patience->second) {
    patience->second = second;
    patience->seconds++;
  }
  return patience->seconds > MAX_SECONDS || patience->polls >= MAX_POLLS;
}

bool wait_until(bool (*condition)(void))
{
  struct patience patience = {0};
  while (!condition())
    if (exhausted(&patience))
      return condition();
  return true;
}

bool wait_for_count(volatile uint32_t *counter, uint32_t target)
{
  struct patience patience = {0};
  enable_interrupts();
  while (*counter < target && !exhausted(&patience))
    ;
  disable_interrupts();
  return *counter >= target;
}

void settle(void)
{
  enable_interrupts();
  for (unsigned i = 0; i < 3; i++)
    pit_delay(PIT_10_MS);
  disable_interrupts();
}
