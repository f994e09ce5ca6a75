#include "lib/smp.h"

#include <stdbool.h>

#include "lib/cpu.h"
#include "lib/io.h"
#include "lib/lapic.h"
#include "lib/pit.h"
#include "lib/strings.h"
#include "lib/wait.h"

#define TRAMPOLINE 0x8000
#define AP_STACK 4096

#define MP_SIGNATURE 0x5F504D5F // "_MP_"
#define MP_TABLE_SIGNATURE 0x504D4350 // "PCMP"
#define MP_PROCESSOR 0
#define MP_PROCESSOR_SIZE 20
#define MP_OTHER_SIZE 8
#define MP_ENABLED 1

#define EBDA_SEGMENT 0x40E // a word of the BIOS data area

extern const char trampoline_start[], trampoline_end[];

// For lib/trampoline.S.
char ap_stacks[MAX_CPUS][AP_STACK] __attribute__((aligned(16)));
uint32_t ap_number;
cpu_main *ap_main;
volatile uint32_t ap_running;

// MultiProcessor Specification 1.4, chapter 4: the floating pointer, on a 16-byte boundary, and the table it points to.
struct mp_pointer {
  uint32_t signature, table;
  uint8_t length, revision, checksum, features[5];
};

struct __attribute__((packed)) mp_table {
  uint32_t signature;
  uint16_t length;
  uint8_t revision, checksum;
  char oem[20];
  uint32_t oem_table;
  uint16_t oem_table_size, entries;
  uint32_t lapic;
  uint16_t extended_length;
  uint8_t extended_checksum, reserved;
};

struct mp_processor {
  uint8_t type, id, version, flags;
};

static bool sums_to_zero(uint64_t address, uint32_t length)
{
  uint8_t sum = 0;
  for (uint32_t i = 0; i < length; i++)
    sum += mmio_read8(address + i);
  return sum == 0;
}

static const struct mp_table *table_in(uint64_t start, uint32_t length)
{
  for (uint64_t at = start; at + sizeof(struct mp_pointer) <= start + length; at += 16) {
    if (mmio_read32(at) != MP_SIGNATURE)
      continue;
    const struct mp_pointer *pointer = (const struct mp_pointer *)at;
    if (!sums_to_zero(at, sizeof *pointer) || pointer->table == 0)
      continue;
    const struct mp_table *table = (const struct mp_table *)(uint64_t)pointer->table;
    if (table->signature == MP_TABLE_SIGNATURE && sums_to_zero(pointer->table, table->length))
      return table;
  }
  return NULL;
}

static const struct mp_table *find_table(void)
{
  const struct mp_table *table = NULL;
  uint64_t ebda = (uint64_t)mmio_read16(EBDA_SEGMENT) << 4;
  if (ebda >= 0x80000 && ebda < 0xA0000)
    table = table_in(ebda, 1024);
  if (table == NULL)
    table = table_in(0x9FC00, 1024);
  if (table == NULL)
    table = table_in(0xF0000, 0x10000);
  return table;
}

uint32_t smp_find(uint8_t ids[MAX_CPUS])
{
  uint32_t count = 1;
  ids[0] = lapic_id();
  const struct mp_table *table = find_table();
  if (table == NULL)
    return count;
  uint64_t at = (uint64_t)(table + 1);
  for (uint32_t i = 0; i < table->entries; i++) {
    const struct mp_processor *processor = (const struct mp_processor *)at;
    if (processor->type != MP_PROCESSOR) {
      at += MP_OTHER_SIZE;
      continue;
    }
    if ((processor->flags & MP_ENABLED) != 0 && processor->id != ids[0] && count < MAX_CPUS)
      ids[count++] = processor->id;
    at += MP_PROCESSOR_SIZE;
  }
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
