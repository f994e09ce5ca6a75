// Starts all CPUs; they share a counter, send IPIs to CPU 0 and get a broadcast. cpus=N stands for a missing MP table.
#include "lib/args.h"
#include "lib/boot.h"
#include "lib/check.h"
#include "lib/cpu.h"
#include "lib/idt.h"
#include "lib/lapic.h"
#include "lib/pic.h"
#include "lib/smp.h"
#include "lib/wait.h"

#define ROUNDS 1000
#define IPI_VECTOR 0x40 // and one for each further CPU: interrupts of one vector would merge
#define BROADCAST_VECTOR 0xA0
#define ALL_VECTOR 0xA1

const char guest_name[] = "smp";

enum phase { START, COUNT, SIGNAL };

static uint8_t ids[MAX_CPUS];
static uint32_t cpus;

static struct lock console, counting;
static volatile uint32_t phase = START;
static volatile uint32_t counted;          // CPUs that are through with counting
static volatile uint32_t atomic_counter;
static volatile uint32_t locked_counter;
static volatile uint32_t signals, broadcasts, alls;
static volatile uint8_t signalled[MAX_CPUS];
static volatile uint8_t got_broadcast[MAX_CPUS], got_all[MAX_CPUS];

static uint32_t number_of(uint8_t id)
{
  for (uint32_t cpu = 0; cpu < cpus; cpu++)
    if (ids[cpu] == id)
      return cpu;
  return 0;
}

static void on_signal(struct interrupt_frame *frame)
{
  signalled[frame->vector - IPI_VECTOR] = 1;
  signals++;
  lapic_eoi();
}

static void on_broadcast(struct interrupt_frame *frame)
{
  uint8_t *got = (uint8_t *)(frame->vector == ALL_VECTOR ? got_all : got_broadcast);
  got[number_of(lapic_id())] = 1;
  __atomic_fetch_add(frame->vector == ALL_VECTOR ? &alls : &broadcasts, 1, __ATOMIC_SEQ_CST);
  lapic_eoi();
}

static void count(void)
{
  for (uint32_t i = 0; i < ROUNDS; i++) {
    __atomic_fetch_add(&atomic_counter, 1, __ATOMIC_SEQ_CST);
    lock(&counting);
    locked_counter = locked_counter + 1;
    unlock(&counting);
  }
  __atomic_fetch_add(&counted, 1, __ATOMIC_SEQ_CST);
}

static void say_hello(uint32_t cpu)
{
  lock(&console);
  check_dec(numbered("cpu", cpu, ""), lapic_id() == ids[cpu], lapic_id());
  unlock(&console);
}

static void wait_for_phase(uint32_t wanted)
{
  while (phase < wanted)
    pause();
}

static void run(uint32_t cpu)
{
  idt_init();
  lapic_enable();
  say_hello(cpu);
  wait_for_phase(COUNT);
  count();
  wait_for_phase(SIGNAL);
  lapic_send(ids[0], ICR_FIXED | (IPI_VECTOR + cpu));
  while (!got_broadcast[cpu] || !got_all[cpu])
    wait_for_interrupt();
}

static bool all_counted(void)
{
  return counted == cpus;
}

static void start_all(void)
{
  uint32_t started = 1;
  say_hello(0);
  for (uint32_t cpu = 1; cpu < cpus; cpu++) {
    if (smp_start(ids[cpu], cpu, run)) {
      started++;
    } else {
      lock(&console);
      check_dec(numbered("cpu", cpu, "-start"), false, ids[cpu]);
      unlock(&console);
    }
  }
  lock(&console);
  check_dec("started", started == cpus, started);
  unlock(&console);
  if (started != cpus)
    finish();
}

static void find_cpus(const char *command_line)
{
  uint32_t found = smp_find(ids);
  cpus = (uint32_t)option_number(command_line, "cpus", found);
  if (cpus < 1 || cpus > MAX_CPUS)
    cpus = found;
  // IDs that no table told: counted on from those that one did.
  for (uint32_t cpu = found; cpu < cpus; cpu++)
    ids[cpu] = (uint8_t)(ids[cpu - 1] + 1);
  check_dec("found", true, found);
}

void kmain(const struct boot_info *boot)
{
  idt_init();
  pic_mask_all();
  lapic_enable();
  find_cpus(boot->command_line);
  for (uint32_t cpu = 1; cpu < cpus; cpu++)
    set_handler((uint8_t)(IPI_VECTOR + cpu), on_signal);
  set_handler(BROADCAST_VECTOR, on_broadcast);
  set_handler(ALL_VECTOR, on_broadcast);

  start_all();
  phase = COUNT;
  count();
  bool finished = wait_until(all_counted);
  lock(&console);
  check_dec("atomic", finished && atomic_counter == cpus * ROUNDS, atomic_counter);
  check_dec("locked", finished && locked_counter == cpus * ROUNDS, locked_counter);
  unlock(&console);

  phase = SIGNAL;
  wait_for_count(&signals, cpus - 1);
  uint32_t from = 0;
  for (uint32_t cpu = 1; cpu < cpus; cpu++)
    from += signalled[cpu];
  check_dec("ipi-to-cpu0", signals == cpus - 1 && from == cpus - 1, signals);

  lapic_send(0, ICR_FIXED | ICR_ALL_BUT_SELF | BROADCAST_VECTOR);
  wait_for_count(&broadcasts, cpus - 1);
  check_dec("broadcast", broadcasts == cpus - 1 && !got_broadcast[0], broadcasts);
  lapic_send(0, ICR_FIXED | ICR_ALL | ALL_VECTOR);
  wait_for_count(&alls, cpus);
  check_dec("broadcast-all", alls == cpus && got_all[0], alls);
  finish();
}
