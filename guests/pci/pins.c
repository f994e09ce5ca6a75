// Interrupt pins (PCI Local Bus 3.0, 2.2.6): where the tables say that they go, levels that devices share.
#include <stddef.h>

#include "lib/acpi.h"
#include "lib/check.h"
#include "lib/idt.h"
#include "lib/ioapic.h"
#include "lib/lapic.h"
#include "lib/mp.h"
#include "lib/pci.h"
#include "lib/wait.h"
#include "pci/parts.h"
#include "pci/worker.h"

#define VECTOR 0x58
#define INTA 1
#define MAX_WORKERS 8

static struct worker workers[MAX_WORKERS];
static struct mp_route routes[MAX_WORKERS];
static unsigned count;

// Those that share an interrupt, and which of them the handler looks after, one a time.
static struct worker *first, *second;
static volatile uint32_t interrupts, nobodys, served[2];

static void on_interrupt(struct interrupt_frame *frame)
{
  (void)frame;
  interrupts++;
  if (vdev_isr(&first->dev) != 0)
    served[0]++;
  else if (vdev_isr(&second->dev) != 0)
    served[1]++;
  else
    nobodys++;
  lapic_eoi();
}

static void clear(void)
{
  interrupts = nobodys = served[0] = served[1] = 0;
}

// Each function's pin: MP table, `_PRT` and what firmware has left in the interrupt line register agree.
static void check_routes(uint64_t rsdp)
{
  for (unsigned slot = 0; slot < PCI_SLOTS; slot++) {
    if (pci_read16(slot, PCI_VENDOR_ID) == PCI_NONE || pci_read8(slot, PCI_INTERRUPT_PIN) == 0)
      continue;
    struct mp_route route = {0};
    uint32_t gsi = 0;
    bool listed = mp_pci_route(slot, pci_read8(slot, PCI_INTERRUPT_PIN), &route);
    check_dec(numbered("slot", slot, "-mp-table"), listed && route.level, route.pin);
    bool found = acpi_pci_interrupt(rsdp, slot, pci_read8(slot, PCI_INTERRUPT_PIN), &gsi);
    check_dec(numbered("slot", slot, "-prt"), found && gsi == route.pin, gsi);
    uint8_t line = pci_read8(slot, PCI_INTERRUPT_LINE);
    check_dec(numbered("slot", slot, "-line"), line == route.pin, line);
  }
}

static void find_workers(void)
{
  static const unsigned types[] = {VDEV_ENTROPY, VDEV_BLOCK};
  for (unsigned i = 0; i < 2; i++)
    for (unsigned nth = 0; count < MAX_WORKERS && worker_find(&workers[count], types[i], nth, VDEV_MODERN); nth++)
      if (mp_pci_route(workers[count].dev.slot, INTA, &routes[count]))
        count++;
}

static struct mp_route *find_shared(void)
{
  for (unsigned i = 0; i < count; i++)
    for (unsigned j = i + 1; j < count; j++)
      if (routes[i].pin == routes[j].pin) {
        first = &workers[i];
        second = &workers[j];
        return &routes[i];
      }
  return NULL;
}

static void check_level(const struct mp_route *route, uint32_t low)
{
  clear();
  worker_ask(second);
  bool answered = worker_answers(second);
  check_dec("pin-asserted", answered && worker_asserts_pin(second) && !worker_asserts_pin(first), interrupts);
  ioapic_route(route->pin, low, lapic_id());
  // It was up before there was a way.
  bool came = wait_for_count(&interrupts, 1);
  check_dec("pin-level", came && served[1] == 1, served[1]);
  settle();
  check_dec("pin-read-deasserts", !worker_asserts_pin(second) && interrupts == 1, interrupts);
}

static void check_shared(const struct mp_route *route)
{
  clear();
  ioapic_mask(route->pin);
  worker_ask(first);
  worker_ask(second);
  bool answered = worker_answers(first) && worker_answers(second);
  check("shared-asserted", answered && worker_asserts_pin(first) && worker_asserts_pin(second));
  ioapic_route(route->pin, ioapic_entry(route->pin) & ~(uint32_t)RTE_MASKED, lapic_id());
  // The handler serves one: the line stays up for the other.
  bool both = wait_for_count(&interrupts, 2);
  settle();
  check_dec("shared-both", both && served[0] == 1 && served[1] == 1, interrupts);
  check_dec("shared-none-left", nobodys == 0 && !worker_asserts_pin(first) && !worker_asserts_pin(second), nobodys);
}

static void check_disable(void)
{
  unsigned slot = first->dev.slot;
  uint16_t command = pci_read16(slot, PCI_COMMAND);
  clear();
  pci_write16(slot, PCI_COMMAND, command | PCI_COMMAND_NO_INTX);
  bool answered = worker_works(first);
  settle();
  // The status register tells it all the same (6.2.3).
  check_dec("pin-disabled", answered && interrupts == 0 && worker_asserts_pin(first), interrupts);
  pci_write16(slot, PCI_COMMAND, command);
  bool came = wait_for_count(&interrupts, 1);
  check_dec("pin-enabled", came && served[0] == 1 && !worker_asserts_pin(first), interrupts);
}

void check_pins(const struct boot_info *boot)
{
  check_routes(boot->rsdp);
  find_workers();
  const struct mp_route *route = find_shared();
  check_dec("shared", route != NULL, count);
  if (route == NULL)
    return;
  set_handler(VECTOR, on_interrupt);
  bool started = worker_start(first, BY_PIN, 0) && worker_start(second, BY_PIN, 1);
  check_dec("pins-start", started, route->pin);
  uint32_t low = VECTOR | RTE_LEVEL | (route->active_low ? RTE_ACTIVE_LOW : 0);
  check_level(route, low);
  check_shared(route);
  check_disable();
  ioapic_mask(route->pin);
  vdev_reset(&first->dev);
  vdev_reset(&second->dev);
}
