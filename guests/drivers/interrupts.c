// What an interrupt handler does: guests that poll have none.
#include "drivers/driver.h"

#include "lib/cpu.h"
#include "lib/idt.h"
#include "lib/ioapic.h"
#include "lib/lapic.h"

#define MMIO_PIN 16

static struct driver *interrupted;

static void on_interrupt(struct interrupt_frame *frame)
{
  (void)frame;
  struct driver *driver = interrupted;
  // Who takes each interrupt for the end of a request has none to end.
  if (broken("2.7.7.1/spurious") && !driver->waiting)
    driver->lost = true;
  driver_acknowledge(driver);
  for (unsigned index = 0; index < driver->handled; index++) {
    if (!queue_take(driver, &driver->queue[index]))
      continue;
    driver->served |= 1u << index;
    if (broken("4.2.3.4.1/all-queues"))
      break;
  }
  lapic_eoi();
}

void driver_interrupts(struct driver *driver)
{
  interrupted = driver;
  idt_init();
  lapic_enable();
  set_handler(DRIVER_VECTOR, on_interrupt);
  if (driver->mmio)
    ioapic_route(MMIO_PIN, DRIVER_VECTOR | RTE_LEVEL, lapic_id());
  enable_interrupts();
}
