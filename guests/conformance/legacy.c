// The legacy interface of transitional devices (virtio 1.4: the sections of that name).
#include "lib/boot.h"
#include "lib/clause.h"
#include "lib/io.h"
#include "lib/pci.h"
#include "lib/vdev.h"

const char guest_name[] = "legacy";

#define SECTOR 512
#define F_FLUSH (1ull << 9)
#define F_CONFIG_WCE (1ull << 11)
#define F_ZONED (1ull << 17)
#define WRITEBACK 32

static struct vdev dev, modern;
static struct vring ring;
static uint32_t length;

static void discovery(void)
{
  uint32_t bar = pci_read32(dev.slot, PCI_BAR);
  clause_value("virtio/4.1.4.10/legacy-bar-0", (bar & 1) != 0, bar);
  clause_value("virtio/4.1.5.1.1.1/legacy-ports", (bar & 1) != 0, bar);
  // More than 32 bits of features there are not: those of the modern interface are none of a legacy driver's.
  vdev_begin(&dev, vdev_offered(&dev));
  if (vdev_find(&modern, dev.type, 0, VDEV_MODERN)) {
    vdev_begin(&dev, vdev_offered(&dev));
    mmio_write32(modern.common + 0x08, 1);
    uint32_t high = mmio_read32(modern.common + 0x0C);
    clause_value("virtio/4.1.4.10/low-features", high == 0, high);
  }
}

static void entropy(void)
{
  static volatile uint8_t bytes[64];
  struct vbuf buffer = {bytes, sizeof bytes, true};
  if (!vdev_find(&dev, VDEV_ENTROPY, 0, VDEV_LEGACY))
    return;
  discovery();
  vdev_begin(&dev, 0);
  vring_open(&ring, &dev, 0, vdev_queue_size(&dev, 0), 0);
  vdev_driver_ok(&dev);
  bool back = vring_request(&ring, &buffer, 1, &length) && length > 0;
  clause("virtio/2.7.2/legacy-layout", back);
  // An index of 1 that was read the wrong way round would be 256.
  clause_value("virtio/2.7.3/legacy-endian", back && vring_used(&ring)[1] == 1, vring_used(&ring)[1]);
}

static void widths(unsigned bytes)
{
  bool same = true;
  for (unsigned at = 0; at + 4 <= bytes; at += 4) {
    uint32_t whole = vdev_config(&dev, at, 4), pieces = 0, halves = 0;
    for (unsigned i = 0; i < 4; i++)
      pieces |= vdev_config(&dev, at + i, 1) << 8 * i;
    for (unsigned i = 0; i < 2; i++)
      halves |= vdev_config(&dev, at + 2 * i, 2) << 16 * i;
    same = same && whole == pieces && whole == halves;
  }
  clause("virtio/4.1.4.10/any-width", same);
}

static void disk(void)
{
  static struct {
    uint32_t type, reserved;
    uint64_t sector;
  } header;
  static volatile uint8_t data[SECTOR], status;
  if (!vdev_find(&dev, VDEV_BLOCK, 0, VDEV_LEGACY))
    return;
  uint32_t capacity = vdev_config(&dev, 0, 4);
  // A whole number of MiB, less than 1 TiB: another byte order would show.
  clause_value("virtio/5.2.4.1/legacy-endian", capacity % 2048 == 0 && capacity > 0, capacity);
  widths(24);
  vdev_use_msix(&dev);
  clause_value("virtio/4.1.4.10/config-behind", vdev_config(&dev, 0, 4) == capacity, vdev_config(&dev, 0, 4));
  pci_disable_msix(dev.slot);
  dev.config = dev.base + 0x14;
  clause_value("virtio/4.1.4.10/config-behind", vdev_config(&dev, 0, 4) == capacity, vdev_config(&dev, 0, 4));
  uint64_t offered = vdev_offered(&dev);
  clause("virtio/5.2.5.2/legacy-not-zoned", (offered & F_ZONED) == 0);
  if ((offered & F_CONFIG_WCE) != 0) {
    uint32_t before = vdev_config(&dev, WRITEBACK, 1);
    vdev_set_status(&dev, 1);
    vdev_set_status(&dev, 3);
    uint32_t after = vdev_config(&dev, WRITEBACK, 1);
    clause_value("virtio/5.2.5.3/status-keeps-cache", before == after, after);
    vdev_accept(&dev, F_CONFIG_WCE);
    after = vdev_config(&dev, WRITEBACK, 1);
    clause_value("virtio/5.2.5.3/features-keep-cache", before == after, after);
  }
  vdev_begin(&dev, 0);
  vring_open(&ring, &dev, 0, vdev_queue_size(&dev, 0), 0);
  vdev_driver_ok(&dev);
  const struct vbuf pieces[] = {{&header, sizeof header, false}, {data, SECTOR, true}, {&status, 1, true}};
  status = 0xFF;
  header.sector = 1;
  bool back = vring_request(&ring, pieces, 3, &length);
  clause_value("virtio/5.2.6.3/legacy-endian", back && status == 0, status);
}

static void others(void)
{
  if (vdev_find(&dev, VDEV_NET, 0, VDEV_LEGACY)) {
    // The link is up: bit 0 of 16.
    uint32_t link = vdev_config(&dev, 6, 2);
    clause_value("virtio/5.1.4.3/legacy-endian", (link & ~3u) == 0 && (link & 1) != 0, link);
  }
  if (vdev_find(&dev, VDEV_CONSOLE, 0, VDEV_LEGACY)) {
    uint32_t ports = vdev_config(&dev, 4, 4);
    clause_value("virtio/5.3.4.1/legacy-endian", ports > 0 && ports < 0x10000, ports);
  }
}

void kmain(const struct boot_info *boot)
{
  (void)boot;
  clauses_begin();
  entropy();
  disk();
  others();
  clauses_end();
}
