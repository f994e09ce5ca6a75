#include "pci/worker.h"

#include "lib/check.h"
#include "lib/pci.h"

#define BLOCK_GET_ID 8
#define RING_SIZE 8

static volatile uint8_t bytes[32], status;
static const struct vbuf entropy[] = {{bytes, 16, true}};
static const struct {
  uint32_t type, reserved;
  uint64_t sector;
} get_id = {BLOCK_GET_ID, 0, 0};
static const struct vbuf block[] = {{&get_id, sizeof get_id, false}, {bytes, 20, true}, {&status, 1, true}};

bool worker_find(struct worker *worker, unsigned type, unsigned nth, enum vdev_way way)
{
  return vdev_find(&worker->dev, type, nth, way);
}

bool worker_find_entropy(struct worker *worker)
{
  bool found = worker_find(worker, VDEV_ENTROPY, 0, VDEV_MODERN);
  if (!found)
    check("entropy-device", false);
  return found;
}

bool worker_start(struct worker *worker, enum worker_interrupts interrupts, unsigned slot)
{
  struct vdev *dev = &worker->dev;
  bool legacy = dev->way == VDEV_LEGACY;
  if (!vdev_begin(dev, legacy ? 0 : F_VERSION_1))
    return false;
  if (interrupts == BY_PIN)
    pci_disable_msix(dev->slot);
  else if (!vdev_use_msix(dev) || !vdev_queue_vector(dev, 0, 0))
    return false;
  if (!vring_open(&worker->ring, dev, 0, legacy ? vdev_queue_size(dev, 0) : RING_SIZE, slot))
    return false;
  vdev_driver_ok(dev);
  return true;
}

static unsigned buffers(const struct worker *worker)
{
  return worker->dev.type == VDEV_BLOCK ? sizeof block / sizeof *block : sizeof entropy / sizeof *entropy;
}

void worker_ask(struct worker *worker)
{
  vring_add(&worker->ring, worker->dev.type == VDEV_BLOCK ? block : entropy, buffers(worker));
  vring_kick(&worker->ring);
}

bool worker_answers(struct worker *worker)
{
  uint32_t id, length;
  return vring_wait(&worker->ring, buffers(worker), &id, &length);
}

bool worker_has_answered(struct worker *worker)
{
  uint32_t id, length;
  return vring_take(&worker->ring, buffers(worker), &id, &length);
}

bool worker_works(struct worker *worker)
{
  worker_ask(worker);
  return worker_answers(worker);
}

bool worker_asserts_pin(const struct worker *worker)
{
  return (pci_read16(worker->dev.slot, PCI_STATUS) & PCI_STATUS_INTX) != 0;
}
