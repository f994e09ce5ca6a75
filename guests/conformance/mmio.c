// Virtio at fixed addresses (virtio 1.4, section 4.2), by an entropy device and a disk.
#include "lib/boot.h"
#include "lib/clause.h"
#include "lib/io.h"
#include "lib/vdev.h"
#include "lib/wait.h"

const char guest_name[] = "mmio";

static struct vdev dev;
static struct vring ring;
static volatile uint8_t bytes[64];
static const struct vbuf buffer = {bytes, sizeof bytes, true};
static uint32_t length;

static bool event(void)
{
  return mmio_read32(dev.base + 0x60) != 0;
}

static void registers(void)
{
  uint32_t magic = mmio_read32(dev.base), version = mmio_read32(dev.base + 4);
  clause_value("virtio/4.2.2.1/magic", magic == 0x74726976, magic);
  clause_value("virtio/4.2.2.1/version", version == 2, version);
}

static void events(void)
{
  vdev_begin(&dev, F_VERSION_1);
  vring_open(&ring, &dev, 0, 8, 0);
  vdev_driver_ok(&dev);
  clause_value("virtio/4.2.2.1/no-other-events", !event(), mmio_read32(dev.base + 0x60));
  vring_request(&ring, &buffer, 1, &length);
  bool shown = wait_until(event) && (mmio_read32(dev.base + 0x60) & 1) != 0;
  bool stays = (mmio_read32(dev.base + 0x60) & 1) != 0;
  mmio_write32(dev.base + 0x64, 1);
  clause_value("virtio/4.2.2.1/events", shown && stays && !event(), mmio_read32(dev.base + 0x60));
}

static void reset(void)
{
  vring_request(&ring, &buffer, 1, &length);
  wait_until(event);
  vdev_reset(&dev);
  clause_value("virtio/4.2.2.1/reset", !event() && !vdev_queue_enabled(&dev, 0), mmio_read32(dev.base + 0x60));
}

static void not_ready(void)
{
  vdev_begin(&dev, F_VERSION_1);
  vring_open(&ring, &dev, 0, 8, 0);
  mmio_write32(dev.base + 0x44, 0);
  vdev_driver_ok(&dev);
  vring_add(&ring, &buffer, 1);
  vring_kick(&ring);
  settle();
  clause_value("virtio/4.2.2.1/not-ready", vring_used(&ring)[1] == 0, vring_used(&ring)[1]);
}

static void queue_reset(void)
{
  if ((vdev_offered(&dev) & F_RING_RESET) == 0) {
    clause_skip("virtio/4.2.2.1/queue-reset", "RING_RESET is not offered");
    return;
  }
  vdev_begin(&dev, F_VERSION_1 | F_RING_RESET);
  clause("virtio/4.2.2.1/queue-reset-0", mmio_read32(dev.base + 0xC0) == 0);
  vring_open(&ring, &dev, 0, 8, 0);
  vdev_driver_ok(&dev);
  clause("virtio/4.2.2.1/queue-reset-ready", mmio_read32(dev.base + 0xC0) == 0);
  vdev_queue_reset(&dev, 0);
  bool disabled = !vdev_queue_enabled(&dev, 0);
  clause("virtio/4.2.2.1/queue-reset", disabled);
  clause("virtio/4.2.2.1/queue-reset-done", disabled && mmio_read32(dev.base + 0xC0) == 0);
}

static struct vdev disk;
static uint32_t capacity;

static bool is_resized(void)
{
  return vdev_config(&disk, 0, 4) != capacity;
}

static void generation(void)
{
  vdev_begin(&disk, F_VERSION_1);
  uint32_t before = mmio_read32(disk.base + MMIO_GENERATION);
  capacity = vdev_config(&disk, 0, 4);
  if (clause_ask("resize", is_resized))
    clause_value("virtio/4.2.2.1/generation", mmio_read32(disk.base + MMIO_GENERATION) != before, before);
  else
    clause_skip("virtio/4.2.2.1/generation", "nobody has resized the disk");
}

void kmain(const struct boot_info *boot)
{
  (void)boot;
  clauses_begin();
  if (vdev_find(&dev, VDEV_ENTROPY, 0, VDEV_MMIO)) {
    registers();
    events();
    reset();
    not_ready();
    queue_reset();
  }
  if (vdev_find(&disk, VDEV_BLOCK, 0, VDEV_MMIO))
    generation();
  clauses_end();
}
