// Drives all devices at random, as no driver would: seed=N, operations=N accesses. What it does follows from the seed; what
// it finds does too, where time is counted in instructions. `sequence` sums up the one, `values` the other.
#include "fuzz/access.h"
#include "fuzz/random.h"
#include "fuzz/steps.h"
#include "lib/args.h"
#include "lib/boot.h"
#include "lib/check.h"
#include "lib/cpu.h"
#include "lib/idt.h"
#include "lib/io.h"
#include "lib/lapic.h"
#include "lib/pic.h"

#define DEFAULT_OPERATIONS 100000
#define FIRST_VECTOR 0x20
#define FLAG_INTERRUPTS 0x200
#define MAX_INTERRUPTS 8 // that are served at a time: a line that stays high would keep the guest for ever
#define MAX_PAUSES 256

const char guest_name[] = "fuzz";

static uint64_t interrupts;
static unsigned served;

static void serve(struct interrupt_frame *frame)
{
  interrupts++;
  lapic_eoi();
  pic_eoi(8);
  if (++served >= MAX_INTERRUPTS)
    frame->rflags &= ~(uint64_t)FLAG_INTERRUPTS;
}

// Interrupts get through for a moment, and time passes.
static void step_interrupts(void)
{
  uint32_t pauses = random_below(MAX_PAUSES);
  operations++;
  served = 0;
  enable_interrupts();
  for (uint32_t i = 0; i < pauses; i++)
    pause();
  disable_interrupts();
}

static const struct {
  void (*take)(void);
  uint32_t weight;
} steps[] = {
  {step_port, 20},    {step_chip_memory, 10}, {step_ioapic, 4},  {step_lapic, 4},   {step_pic, 1},
  {step_config, 6},   {step_base_address, 2}, {step_firmware, 2}, {step_msix, 6},   {step_start, 4},
  {step_register, 16}, {step_device_config, 6}, {step_window, 3}, {step_request, 40}, {step_notify, 8},
  {step_disturb, 12}, {step_queue, 2},        {step_queue_reset, 2}, {step_acknowledge, 4}, {step_interrupts, 8},
};

static void take_step(uint32_t weights)
{
  uint32_t at = random_below(weights);
  unsigned i = 0;
  for (; at >= steps[i].weight; i++)
    at -= steps[i].weight;
  steps[i].take();
}

static bool has_arena(const struct boot_info *boot)
{
  for (uint32_t i = 0; i < boot->memory_ranges; i++) {
    const struct memory_range *range = &boot->memory[i];
    if (range->type == MEMORY_USABLE && range->start <= ARENA && range->start + range->length >= ARENA_END)
      return true;
  }
  return false;
}

void kmain(const struct boot_info *boot)
{
  uint32_t seed = (uint32_t)option_number(boot->command_line, "seed", 1);
  uint64_t wanted = option_number(boot->command_line, "operations", DEFAULT_OPERATIONS);
  if (!has_arena(boot)) {
    check("memory", false);
    finish();
  }
  idt_init();
  set_handler(0, serve); // what a register that was never written says
  for (unsigned vector = FIRST_VECTOR; vector < 256; vector++)
    set_handler((uint8_t)vector, serve);
  pic_init();
  lapic_enable();
  find_functions();
  check_dec("seed", true, seed);
  check_dec("ways", true, find_devices());
  random_seed(seed);
  uint32_t weights = 0;
  for (unsigned i = 0; i < sizeof steps / sizeof *steps; i++)
    weights += steps[i].weight;
  while (operations < wanted)
    take_step(weights);
  note_dec("interrupts", interrupts);
  check_dec("operations", operations >= wanted, operations);
  check_hex("sequence", true, done_sum);
  check_hex("values", true, read_sum);
  finish();
}
