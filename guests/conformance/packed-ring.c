// Packed virtqueues (virtio 1.4, section 2.8), by an entropy device and a disk.
#include "lib/boot.h"
#include "lib/clause.h"
#include "lib/vdev.h"
#include "lib/wait.h"

const char guest_name[] = "packed-ring";

#define SECTOR 512
#define BLOCK_OUT 1

static struct vdev rng, disk;
static struct vring ring;
static volatile uint8_t bytes[4][64];
static uint32_t length;

static bool open(struct vdev *dev, uint16_t size)
{
  if (!vdev_begin(dev, F_VERSION_1 | F_RING_PACKED))
    return false;
  vring_open(&ring, dev, 0, size, 0);
  vdev_driver_ok(dev);
  return true;
}

static struct vbuf buffer(unsigned i)
{
  return (struct vbuf){bytes[i], sizeof bytes[i], true};
}

// Ring sizes need not be powers of two: three times around one of seven.
static void order(void)
{
  open(&rng, 7);
  bool in_order = true, positions = true;
  for (unsigned round = 0; round < 7; round++) {
    uint16_t ids[3];
    for (unsigned i = 0; i < 3; i++) {
      struct vbuf one = buffer(i);
      ids[i] = vring_add(&ring, &one, 1);
    }
    vring_kick(&ring);
    for (unsigned i = 0; i < 3; i++) {
      uint32_t id = 0;
      bool back = vring_wait(&ring, 1, &id, &length);
      positions = positions && back;
      in_order = in_order && id == ids[i];
    }
  }
  clause("virtio/2.8.12/starts-in-order", in_order);
  clause("virtio/2.8.12/writes-in-order", positions);
}

static void waits_for_avail(void)
{
  open(&rng, 8);
  struct vbuf one = buffer(0);
  volatile uint16_t *flags = (volatile uint16_t *)(ring.descriptors + 16 + 14);
  vring_add(&ring, &one, 1);
  uint32_t id;
  // The second descriptor is complete but for its AVAIL bit.
  *(volatile uint64_t *)(ring.descriptors + 16) = (uintptr_t)bytes[1];
  *(volatile uint32_t *)(ring.descriptors + 24) = sizeof bytes[1];
  *flags = 2;
  for (unsigned i = 0; i < sizeof bytes[1]; i++)
    bytes[1][i] = 0;
  vring_kick(&ring);
  vring_wait(&ring, 1, &id, &length);
  vring_kick(&ring);
  settle();
  bool untouched = *flags == 2;
  for (unsigned i = 0; i < sizeof bytes[1]; i++)
    untouched = untouched && bytes[1][i] == 0;
  clause_value("virtio/2.8.15/waits-for-avail", untouched, *flags);
}

static void no_change_after_used(void)
{
  open(&rng, 8);
  struct vbuf one = buffer(0);
  vring_request(&ring, &one, 1, &length);
  uint64_t low = ((volatile uint64_t *)ring.descriptors)[0], high = ((volatile uint64_t *)ring.descriptors)[1];
  for (unsigned i = 0; i < 4; i++)
    vring_request(&ring, &one, 1, &length);
  bool same = low == ((volatile uint64_t *)ring.descriptors)[0] && high == ((volatile uint64_t *)ring.descriptors)[1];
  clause("virtio/2.8.15/no-change-after-used", same);
}

static void lists(void)
{
  static struct {
    uint32_t type, reserved;
    uint64_t sector;
  } header;
  static volatile uint8_t data[SECTOR], status;
  const struct vbuf pieces[] = {
      {&header, sizeof header, false}, {data, 100, false}, {data + 100, 412, false}, {&status, 1, true}};
  open(&disk, 8);
  header.type = BLOCK_OUT;
  header.sector = 1;
  for (unsigned i = 0; i < SECTOR; i++)
    data[i] = (uint8_t)(i * 3);
  bool all = true;
  // The list lies across the end of the ring in two of four rounds.
  for (unsigned round = 0; round < 6; round++) {
    status = 0xFF;
    all = vring_request(&ring, pieces + (round & 1), 4 - (round & 1), &length) && all;
    if ((round & 1) == 0)
      all = all && status == 0;
  }
  clause_value("virtio/2.8.18/list-order", all, status);
  bool same = header.type == BLOCK_OUT && header.sector == 1;
  for (unsigned i = 0; i < SECTOR; i++)
    same = same && data[i] == (uint8_t)(i * 3);
  clause("virtio/2.8.15/readable-unwritten", same);
}

void kmain(const struct boot_info *boot)
{
  (void)boot;
  clauses_begin();
  bool there = vdev_find(&rng, VDEV_ENTROPY, 0, VDEV_MODERN) && (vdev_offered(&rng) & F_RING_PACKED) != 0;
  if (there) {
    order();
    waits_for_avail();
    no_change_after_used();
  } else {
    clause_skip("virtio/2.8.12/starts-in-order", "RING_PACKED is not offered");
  }
  if (vdev_find(&disk, VDEV_BLOCK, 0, VDEV_MODERN) && (vdev_offered(&disk) & F_RING_PACKED) != 0)
    lists();
  clauses_end();
}
