#include "lib/smp.h"

#include <stdbool.h>

#include "lib/cpu.h"
#include "lib/lapic.h"
#include "lib/mp.h"
#include "lib/pit.h"
#include "lib/strings.h"
#include "lib/wait.h"

#define TRAMPOLINE 0x8000
#define AP_STACK 4096

extern const char trampoline_start[], trampoline_end[];

// For lib/trampoline.S.
char ap_stacks[MAX_CPUS][AP_STACK] __attribute__((aligned(16)));
uint32_t ap_number;
cpu_main *ap_main;
volatile uint32_t ap_running;

uint32_t smp_find(uint8_t ids[MAX_CPUS])
{
  uint32_t count = 1;
  ids[0] = lapic_id();
  const struct mp_processor *processor = NULL;
  while ((processor = mp_next(MP_PROCESSOR, processor)) != NULL)
    if ((processor->flags & MP_ENABLED) != 0 && processor->id != ids[0] && count < MAX_CPUS)
      ids[count++] = processor->id;
  return count;
}

static bool running(void)
{
  return ap_running >= ap_number;
}

// Intel SDM vol. 3, 9.4.4: INIT, 10 ms, start-up; a second start-up for a CPU that has not come up.
int smp_start(uint8_t id, uint32_t cpu, cpu_main *main)
{
  memcpy((void *)TRAMPOLINE, trampoline_start, (size_t)(trampoline_end - trampoline_start));
  ap_number = cpu;
  ap_main = main;
  lapic_send(id, ICR_INIT);
  pit_delay(PIT_10_MS);
  lapic_send(id, ICR_STARTUP | TRAMPOLINE >> 12);
  pit_delay(PIT_10_MS / 10);
  if (!running())
    lapic_send(id, ICR_STARTUP | TRAMPOLINE >> 12);
  return wait_until(running);
}

void lock(struct lock *lock)
{
  while (__atomic_exchange_n(&lock->taken, 1, __ATOMIC_ACQUIRE) != 0)
    pause();
}

void unlock(struct lock *lock)
{
  __atomic_store_n(&lock->taken, 0, __ATOMIC_RELEASE);
}
