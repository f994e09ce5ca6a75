// Virtio over PCI (virtio 1.4, section 4.1), by every virtio function of the bus.
#include "lib/boot.h"
#include "lib/clause.h"
#include "lib/io.h"
#include "lib/ioapic.h"
#include "lib/pci.h"
#include "lib/vdev.h"
#include "lib/wait.h"

const char guest_name[] = "pci";

#define VENDOR_CAPABILITY 9
#define CAP_LEN 2
#define CFG_TYPE 3
#define CFG_BAR 4
#define CFG_OFFSET 8
#define CFG_LENGTH 12
#define CFG_DATA 16

static struct vdev dev;
static struct vring ring;
static volatile uint8_t bytes[64];
static const struct vbuf buffer = {bytes, sizeof bytes, true};

static bool is_transitional(void)
{
  return pci_read16(dev.slot, PCI_DEVICE_ID) < 0x1040;
}

static void identity(void)
{
  unsigned slot = dev.slot;
  uint16_t id = pci_read16(slot, PCI_DEVICE_ID), subsystem = pci_read16(slot, PCI_SUBSYSTEM_ID);
  uint8_t revision = pci_read8(slot, PCI_REVISION);
  clause("virtio/4.1.2.1/vendor", pci_read16(slot, PCI_VENDOR_ID) == 0x1AF4);
  if (is_transitional()) {
    static const uint16_t ids[] = {0, 0x1000, 0x1001, 0x1003, 0x1005};
    clause_value("virtio/4.1.2.1/device-id", dev.type <= 4 && id == ids[dev.type], id);
    clause_value("virtio/4.1.2.3/revision-0", revision == 0, revision);
    clause_value("virtio/4.1.2.3/subsystem-type", subsystem == dev.type, subsystem);
    clause_value("virtio/4.1.2.3/transitional-id", id >= 0x1000 && id <= 0x103F, id);
  } else {
    clause_value("virtio/4.1.2.1/device-id", id == 0x1040 + dev.type, id);
    clause_value("virtio/4.1.2.1/modern-id", id >= 0x1040 && id <= 0x107F, id);
    clause_value("virtio/4.1.2.1/revision", revision >= 1, revision);
    clause_value("virtio/4.1.2.1/subsystem", subsystem >= 0x40, subsystem);
  }
}

// The first structure of each type can be used: all of it lies in a range of memory. Of one alone that is the best.
static void best_first(void)
{
  unsigned slot = dev.slot, seen = 0;
  for (uint8_t at = pci_next_capability(slot, 0); at != 0; at = pci_next_capability(slot, at)) {
    uint8_t type = pci_read8(slot, at + CFG_TYPE), bar = pci_read8(slot, at + CFG_BAR);
    if (pci_read8(slot, at) != VENDOR_CAPABILITY || type < CFG_COMMON || type > CFG_DEVICE || (seen & 1u << type))
      continue;
    seen |= 1u << type;
    uint64_t end = (uint64_t)pci_read32(slot, at + CFG_OFFSET) + pci_read32(slot, at + CFG_LENGTH);
    bool memory = bar < 6 && (pci_read32(slot, PCI_BAR + 4u * bar) & 1) == 0;
    clause_value("virtio/4.1.4.2/best-first", memory && end <= pci_bar_size(slot, bar), type);
  }
}

static uint8_t window; // the capability of PCI configuration access

static void capabilities(void)
{
  unsigned slot = dev.slot;
  bool common = false, notify = false, isr = false, device = false, lengths = true;
  window = 0;
  for (uint8_t at = pci_next_capability(slot, 0); at != 0; at = pci_next_capability(slot, at)) {
    if (pci_read8(slot, at) != VENDOR_CAPABILITY)
      continue;
    uint8_t type = pci_read8(slot, at + CFG_TYPE), length = pci_read8(slot, at + CAP_LEN);
    uint32_t offset = pci_read32(slot, at + CFG_OFFSET);
    lengths = lengths && length >= (type == 2 || type == 5 ? 20 : 16);
    switch (type) {
    case 1:
      common = true;
      clause_value("virtio/4.1.4.3.1/common-aligned", offset % 4 == 0, offset);
      break;
    case 2:
      notify = true;
      clause_value("virtio/4.1.4.4.1/notification-aligned", offset % 4 == 0, offset);
      clause_value("virtio/4.1.4.4.1/multiplier", (dev.multiplier & (dev.multiplier - 1)) == 0, dev.multiplier);
      break;
    case 3:
      isr = true;
      break;
    case 4:
      device = true;
      clause_value("virtio/4.1.4.6.1/config-aligned", offset % 4 == 0, offset);
      break;
    case 5:
      window = at;
      break;
    }
  }
  clause("virtio/4.1.4.2/cap-len", lengths);
  clause("virtio/4.1.4.3.1/common", common);
  clause("virtio/4.1.4.4.1/notification", notify);
  clause("virtio/4.1.4.5.1/isr", isr);
  if (dev.type != VDEV_ENTROPY)
    clause("virtio/4.1.4.6/device-capability", device);
  clause("virtio/4.1.4.9.1/window", window != 0);
}

static void queues(void)
{
  uint64_t common = dev.common;
  unsigned count = 0;
  vdev_begin(&dev, F_VERSION_1);
  for (uint16_t index = 0; index < 16; index++) {
    uint16_t size = vdev_queue_size(&dev, index);
    if (size == 0)
      continue;
    count++;
    clause_value("virtio/4.1.4.3.1/split-size", (size & (size - 1)) == 0, size);
    uint32_t offset = mmio_read16(common + 0x1E) * dev.multiplier;
    clause_value("virtio/4.1.4.4.1/each-queue", offset + 2 <= dev.notify_length, offset);
  }
  clause("virtio/4.1.4.4.1/length", dev.notify_length >= (count > 0 ? 2u : 0u));
  clause_value("virtio/4.1.4.3.1/no-queue", vdev_queue_size(&dev, 4000) == 0, vdev_queue_size(&dev, 4000));
}

static void feature_registers(void)
{
  uint64_t common = dev.common;
  vdev_reset(&dev);
  vdev_set_status(&dev, 3);
  uint64_t offered = vdev_offered(&dev);
  mmio_write32(common + 0x00, 7);
  bool beyond = mmio_read32(common + 0x04) == 0;
  clause_value("virtio/4.1.4.3.1/device-feature", beyond && (offered & F_VERSION_1) != 0, offered);
  mmio_write32(common + 0x08, 1);
  mmio_write32(common + 0x0C, 1);
  mmio_write32(common + 0x08, 0);
  uint32_t low = (uint32_t)offered & (uint32_t)F_EVENT_IDX;
  mmio_write32(common + 0x0C, low);
  bool shown = mmio_read32(common + 0x0C) == low;
  mmio_write32(common + 0x08, 1);
  clause_value("virtio/4.1.4.3.1/driver-feature", shown && mmio_read32(common + 0x0C) == 1, mmio_read32(common + 0x0C));
}

static void halves(void)
{
  uint64_t common = dev.common;
  vdev_begin(&dev, F_VERSION_1);
  mmio_write16(common + 0x16, 0);
  mmio_write32(common + 0x20, 0x00123450);
  mmio_write32(common + 0x24, 0x00000001);
  mmio_write32(common + 0x20, 0x00765430);
  uint32_t low = mmio_read32(common + 0x20), high = mmio_read32(common + 0x24);
  clause_value("virtio/4.1.3.2/halves", low == 0x00765430 && high == 1, low);
}

static void reset(void)
{
  uint32_t length;
  vdev_begin(&dev, F_VERSION_1);
  vdev_use_msix(&dev);
  vdev_queue_vector(&dev, 0, 0);
  vring_open(&ring, &dev, 0, 8, 0);
  vdev_driver_ok(&dev);
  if (dev.type == VDEV_ENTROPY)
    vring_request(&ring, &buffer, 1, &length);
  vdev_reset(&dev);
  clause_value("virtio/4.1.4.3.1/reset", vdev_status(&dev) == 0, vdev_status(&dev));
  clause("virtio/4.1.4.3.1/disabled-by-reset", !vdev_queue_enabled(&dev, 0));
  mmio_write16(dev.common + 0x16, 0);
  uint16_t vector = mmio_read16(dev.common + 0x1A);
  clause_value("virtio/4.1.5.1.2.1/unmapped-by-reset", vector == NO_VECTOR, vector);
}

static void queue_reset(void)
{
  if ((vdev_offered(&dev) & F_RING_RESET) == 0) {
    clause_skip("virtio/4.1.4.3.1/queue-reset", "RING_RESET is not offered");
    return;
  }
  uint64_t reset = dev.common + 0x3A;
  vdev_begin(&dev, F_VERSION_1 | F_RING_RESET);
  mmio_write16(dev.common + 0x16, 0);
  clause("virtio/4.1.4.3.1/queue-reset-0", mmio_read16(reset) == 0);
  vring_open(&ring, &dev, 0, 8, 0);
  vdev_driver_ok(&dev);
  clause("virtio/4.1.4.3.1/queue-reset-enabled", mmio_read16(reset) == 0);
  vdev_queue_reset(&dev, 0);
  bool disabled = !vdev_queue_enabled(&dev, 0);
  clause("virtio/4.1.4.3.1/queue-reset", disabled);
  clause("virtio/4.1.4.3.1/queue-reset-done", disabled && mmio_read16(reset) == 0);
}

static void vectors(void)
{
  uint8_t at = pci_capability(dev.slot, PCI_CAPABILITY_MSIX);
  if (at == 0) {
    clause_skip("virtio/4.1.5.1.2.1/vectors", "no MSI-X");
    return;
  }
  unsigned entries = (pci_read16(dev.slot, at + 2u) & 0x7FFu) + 1;
  clause_value("virtio/4.1.5.1.2.1/vectors", entries >= 2 && entries <= 0x800, entries);
  vdev_begin(&dev, F_VERSION_1);
  vdev_use_msix(&dev);
  bool any = true;
  for (uint16_t vector = 0; vector < entries; vector++)
    any = any && vdev_queue_vector(&dev, 0, vector) && vdev_config_vector(&dev, vector);
  clause("virtio/4.1.5.1.2.1/map-any", any);
  clause("virtio/4.1.5.1.2.1/table-size", any);
  clause("virtio/4.1.5.1.2.1/map-works", any);
  clause("virtio/4.1.5.1.2.1/map-read", any);
  bool none = vdev_queue_vector(&dev, 0, NO_VECTOR) && vdev_config_vector(&dev, NO_VECTOR);
  clause("virtio/4.1.5.1.2.1/unmap", none);
  mmio_write16(dev.common + 0x1A, (uint16_t)entries);
  uint16_t failed = mmio_read16(dev.common + 0x1A);
  clause_value("virtio/4.1.5.1.2.1/map-fails", failed == NO_VECTOR, failed);
}

// By the entropy device, which answers without a medium.
static void interrupts(void)
{
  uint32_t length;
  vdev_begin(&dev, F_VERSION_1);
  vdev_use_msix(&dev);
  vdev_queue_vector(&dev, 0, NO_VECTOR);
  vring_open(&ring, &dev, 0, 8, 0);
  vdev_driver_ok(&dev);
  vring_request(&ring, &buffer, 1, &length);
  settle();
  uint32_t sum = 0;
  for (unsigned i = 0; i < VDEV_VECTORS; i++)
    sum += vdev_interrupts[i];
  clause_value("virtio/4.1.5.3.1/queue-no-vector", sum == 0, sum);
  // Of what changes the configuration there is a broken ring.
  vdev_config_vector(&dev, NO_VECTOR);
  vring_avail(&ring)[2 + 1 % 8] = 0xFFF0;
  vring_avail(&ring)[1]++;
  vring_kick(&ring);
  settle();
  for (unsigned i = 0; i < VDEV_VECTORS; i++)
    sum += vdev_interrupts[i];
  clause_value("virtio/4.1.5.4.1/config-no-vector", sum == 0, sum);
}

static bool intx_pending(void)
{
  return (pci_read16(dev.slot, PCI_STATUS) & PCI_STATUS_INTX) != 0;
}

static void intx(void)
{
  uint32_t length;
  vdev_begin(&dev, F_VERSION_1);
  vdev_use_intx(&dev);
  vring_open(&ring, &dev, 0, 8, 0);
  vdev_driver_ok(&dev);
  ioapic_mask(pci_read8(dev.slot, PCI_INTERRUPT_LINE));
  vring_request(&ring, &buffer, 1, &length);
  clause("virtio/4.1.4.5.1/interrupt-status", wait_until(intx_pending));
  uint8_t isr = vdev_isr(&dev);
  clause_value("virtio/4.1.4.5.1/isr-queue", (isr & 1) != 0, isr);
  isr = vdev_isr(&dev);
  clause_value("virtio/4.1.4.5.1/isr-read", isr == 0 && !intx_pending(), isr);
  vring_avail(&ring)[2 + 1 % 8] = 0xFFF0;
  vring_avail(&ring)[1]++;
  vring_kick(&ring);
  wait_until(intx_pending);
  isr = vdev_isr(&dev);
  clause_value("virtio/4.1.4.5.1/isr-config", (isr & 2) != 0, isr);
}

static void configuration_window(void)
{
  if (window == 0)
    return;
  unsigned slot = dev.slot;
  uint8_t bar = 0;
  uint32_t offset = 0;
  for (uint8_t at = pci_next_capability(slot, 0); at != 0; at = pci_next_capability(slot, at))
    if (pci_read8(slot, at) == VENDOR_CAPABILITY && pci_read8(slot, at + CFG_TYPE) == 1) {
      bar = pci_read8(slot, at + CFG_BAR);
      offset = pci_read32(slot, at + CFG_OFFSET);
    }
  // The common structure's queue_select.
  vdev_begin(&dev, F_VERSION_1);
  mmio_write16(dev.common + 0x16, 3);
  pci_write32(slot, window + CFG_BAR, bar);
  pci_write32(slot, window + CFG_OFFSET, offset + 0x16);
  pci_write32(slot, window + CFG_LENGTH, 2);
  uint16_t read = pci_read16(slot, window + CFG_DATA);
  clause_value("virtio/4.1.4.9.1/window-read", read == 3, read);
  pci_write16(slot, window + CFG_DATA, 1);
  read = mmio_read16(dev.common + 0x16);
  clause_value("virtio/4.1.4.9.1/window-write", read == 1, read);
}

static uint32_t capacity;

static bool is_resized(void)
{
  return vdev_config(&dev, 0, 4) != capacity;
}

// By a disk, which becomes larger.
static void generation(void)
{
  vdev_begin(&dev, F_VERSION_1);
  uint8_t before = mmio_read8(dev.common + COMMON_GENERATION);
  capacity = vdev_config(&dev, 0, 4);
  if (clause_ask("resize", is_resized))
    clause_value("virtio/4.1.4.3.1/generation", mmio_read8(dev.common + COMMON_GENERATION) != before, before);
  else
    clause_skip("virtio/4.1.4.3.1/generation", "nobody has resized the disk");
}

void kmain(const struct boot_info *boot)
{
  (void)boot;
  clauses_begin();
  for (unsigned type = VDEV_NET; type <= VDEV_ENTROPY; type++) {
    if (!vdev_find(&dev, type, 0, VDEV_MODERN))
      continue;
    identity();
    capabilities();
    best_first();
    queues();
    feature_registers();
    halves();
    reset();
    queue_reset();
    vectors();
    configuration_window();
    if (type == VDEV_ENTROPY) {
      interrupts();
      intx();
    }
    if (type == VDEV_BLOCK)
      generation();
    vdev_reset(&dev);
  }
  clauses_end();
}
