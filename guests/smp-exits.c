// Each CPU makes exits of its own number from one function, all at once: CPU c makes (c + 1) × n=COUNT.
#include "lib/args.h"
#include "lib/boot.h"
#include "lib/check.h"
#include "lib/cpu.h"
#include "lib/idt.h"
#include "lib/io.h"
#include "lib/lapic.h"
#include "lib/pic.h"
#include "lib/smp.h"

#define POST_CODE 0x80
#define DEFAULT_COUNT 10

const char guest_name[] = "smp-exits";

static uint64_t unit;
static volatile uint32_t ready, through;

__attribute__((noipa)) static void make_exits(uint64_t count)
{
  while (count-- > 0)
    in8(POST_CODE);
}

// All begin together, so that exits of one meet those of the others.
static void take_part(uint32_t cpu, uint32_t cpus)
{
  __atomic_fetch_add(&ready, 1, __ATOMIC_SEQ_CST);
  while (ready < cpus)
    pause();
  make_exits((cpu + 1) * unit);
  __atomic_fetch_add(&through, 1, __ATOMIC_SEQ_CST);
}

static uint32_t cpus;

static void run(uint32_t cpu)
{
  take_part(cpu, cpus);
  for (;;)
    wait_for_interrupt();
}

void kmain(const struct boot_info *boot)
{
  static uint8_t ids[MAX_CPUS];
  unit = option_number(boot->command_line, "n", DEFAULT_COUNT);
  idt_init();
  pic_mask_all();
  lapic_enable();
  cpus = smp_find(ids);
  for (uint32_t cpu = 1; cpu < cpus; cpu++)
    check("cpu-start", smp_start(ids[cpu], cpu, run));
  take_part(0, cpus);
  while (through < cpus)
    pause();
  check_dec("cpus", true, cpus);
  finish();
}
