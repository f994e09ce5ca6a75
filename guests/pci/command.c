// The command register (PCI Local Bus 3.0, 6.2.2) in front of a device at work.
#include "lib/check.h"
#include "lib/io.h"
#include "lib/pci.h"
#include "lib/wait.h"
#include "pci/parts.h"
#include "pci/worker.h"

static uint16_t command_without(unsigned slot, uint16_t bits)
{
  uint16_t command = pci_read16(slot, PCI_COMMAND);
  pci_write16(slot, PCI_COMMAND, command & (uint16_t)~bits);
  return command;
}

static void check_memory(struct worker *worker)
{
  struct vdev *dev = &worker->dev;
  uint8_t before = vdev_status(dev);
  uint16_t command = command_without(dev->slot, PCI_COMMAND_MEMORY);
  uint8_t off = vdev_status(dev);
  uint32_t wide = mmio_read32(dev->common);
  vdev_set_status(dev, 0);
  uint32_t messages = mmio_read32(pci_bar(dev->slot, 1));
  pci_write16(dev->slot, PCI_COMMAND, command);
  check_hex("memory-off", off == 0xFF && wide == 0xFFFFFFFF && messages == 0xFFFFFFFF, off);
  check_hex("memory-on", vdev_status(dev) == before && worker_works(worker), vdev_status(dev));
}

static void check_ports(void)
{
  struct worker worker;
  bool started = worker_find(&worker, VDEV_ENTROPY, 0, VDEV_LEGACY) && worker_start(&worker, BY_MESSAGES, 0);
  check("ports-start", started);
  if (!started)
    return;
  struct vdev *dev = &worker.dev;
  uint8_t before = vdev_status(dev);
  uint16_t command = command_without(dev->slot, PCI_COMMAND_IO);
  uint8_t off = vdev_status(dev);
  uint32_t wide = in32((uint16_t)dev->base);
  vdev_set_status(dev, 0);
  pci_write16(dev->slot, PCI_COMMAND, command);
  check_hex("ports-off", off == 0xFF && wide == 0xFFFFFFFF, off);
  check_hex("ports-on", vdev_status(dev) == before && worker_works(&worker), vdev_status(dev));
  vdev_reset(dev);
}

// A device that may not be the bus's master neither reads nor writes memory, and messages are writes too.
static void check_master(struct worker *worker)
{
  struct vdev *dev = &worker->dev;
  settle();
  vdev_clear_interrupts();
  uint16_t command = command_without(dev->slot, PCI_COMMAND_MASTER);
  worker_ask(worker);
  settle();
  bool answered = worker_has_answered(worker);
  check_dec("master-off", !answered && vdev_interrupts[0] == 0, vdev_interrupts[0]);
  pci_write16(dev->slot, PCI_COMMAND, command);
  worker_ask(worker);
  bool both = worker_answers(worker) && worker_answers(worker) && wait_for_count(&vdev_interrupts[0], 1);
  check_dec("master-on", both, vdev_interrupts[0]);
}

void check_command(void)
{
  struct worker worker;
  if (!worker_find_entropy(&worker))
    return;
  check("command-start", worker_start(&worker, BY_MESSAGES, 0) && worker_works(&worker));
  check_memory(&worker);
  check_master(&worker);
  vdev_reset(&worker.dev);
  check_ports();
}
