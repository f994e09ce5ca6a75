// Waiting that ends: a guest on a broken machine fails, it does not hang.
#pragma once
#include <stdbool.h>
#include <stdint.h>

// Polls until `condition` holds, with interrupts as the caller has them. False after 20 seconds of the real-time
// clock, or, if that stands still, after 200 million polls.
bool wait_until(bool (*condition)(void));

// Waits with interrupts on until the counter, which a handler counts up, is at least `target`. Interrupts are off
// before and after.
bool wait_for_count(volatile uint32_t *counter, uint32_t target);

// Waits for some milliseconds with interrupts on: what is not to happen has had its chance.
void settle(void);
