// Split virtqueues (virtio 1.4, section 2.7), by an entropy device and a disk.
#include "lib/boot.h"
#include "lib/clause.h"
#include "lib/vdev.h"
#include "lib/wait.h"

const char guest_name[] = "split-ring";

#define SECTOR 512
#define BLOCK_IN 0
#define BLOCK_OUT 1

static struct vdev rng, disk;
static struct vring ring;
static volatile uint8_t bytes[256];
static const struct vbuf buffer = {bytes, 64, true};
static uint32_t length;

static void open(struct vdev *dev, uint64_t features)
{
  vdev_begin(dev, F_VERSION_1 | features);
  vdev_use_msix(dev);
  vdev_queue_vector(dev, 0, 0);
  vring_open(&ring, dev, 0, 16, 0);
  vdev_driver_ok(dev);
}

static volatile uint16_t *used_event(void)
{
  return &vring_avail(&ring)[2 + ring.size];
}

static void without_event_index(void)
{
  open(&rng, 0);
  *used_event() = 0x7777;
  vring_request(&ring, &buffer, 1, &length);
  clause("virtio/2.7.7.2/interrupt-flag", wait_for_count(&vdev_interrupts[0], 1));
  clause_value("virtio/2.7.7.2/ignores-used-event", vdev_interrupts[0] == 1, vdev_interrupts[0]);
  vring_avail(&ring)[0] = 1;
  vring_request(&ring, &buffer, 1, &length);
  settle();
  clause_value("virtio/2.7.7.2/no-interrupt-flag", vdev_interrupts[0] == 1, vdev_interrupts[0]);
  clause_value("virtio/2.7.10.2/flags-0-or-1", vring_used(&ring)[0] <= 1, vring_used(&ring)[0]);
}

static void with_event_index(void)
{
  if ((vdev_offered(&rng) & F_EVENT_IDX) == 0) {
    clause_skip("virtio/2.7.7.2/interrupt-event", "EVENT_IDX is not offered");
    return;
  }
  open(&rng, F_EVENT_IDX);
  vring_avail(&ring)[0] = 1;
  *used_event() = 0;
  vring_request(&ring, &buffer, 1, &length);
  bool first = wait_for_count(&vdev_interrupts[0], 1);
  clause("virtio/2.7.7.2/ignores-flags", first);
  clause("virtio/2.7.7.2/interrupt-event", first);
  *used_event() = 2;
  vring_request(&ring, &buffer, 1, &length);
  settle();
  clause_value("virtio/2.7.7.2/no-interrupt-event", vdev_interrupts[0] == 1, vdev_interrupts[0]);
  vring_request(&ring, &buffer, 1, &length);
  clause("virtio/2.7.7.2/interrupt-event", wait_for_count(&vdev_interrupts[0], 2));
  clause_value("virtio/2.7.10.2/flags-0", vring_used(&ring)[0] == 0, vring_used(&ring)[0]);
}

// The event index lies on the other side of index 65535.
static void event_index_around_the_wrap(void)
{
  if ((vdev_offered(&rng) & F_EVENT_IDX) == 0)
    return;
  open(&rng, F_EVENT_IDX);
  *used_event() = 0xFFFE;
  for (uint32_t i = 0; i < 0xFFFE; i++)
    vring_request(&ring, &buffer, 1, &length);
  settle();
  clause_value("virtio/2.7.7.2/no-interrupt-event", vdev_interrupts[0] == 0, vdev_interrupts[0]);
  vring_request(&ring, &buffer, 1, &length);
  clause("virtio/2.7.7.2/interrupt-event", wait_for_count(&vdev_interrupts[0], 1));
  *used_event() = 0;
  vring_request(&ring, &buffer, 1, &length);
  vring_request(&ring, &buffer, 1, &length);
  clause_value("virtio/2.7.7.2/interrupt-event", wait_for_count(&vdev_interrupts[0], 2), vdev_interrupts[0]);
}

static void used_length(void)
{
  open(&rng, 0);
  for (unsigned i = 0; i < sizeof bytes; i++)
    bytes[i] = 0;
  vring_request(&ring, &buffer, 1, &length);
  unsigned last = 0;
  for (unsigned i = 0; i < sizeof bytes; i++)
    if (bytes[i] != 0)
      last = i + 1;
  clause_value("virtio/2.7.8.1/len-written", length > 0 && last <= length, length);
}

static void spurious_notifications(void)
{
  open(&rng, 0);
  for (unsigned i = 0; i < 100; i++)
    vring_kick(&ring);
  settle();
  bool quiet = vring_used(&ring)[1] == 0;
  clause("virtio/2.7.10.2/spurious", vring_request(&ring, &buffer, 1, &length) && quiet);
}

static struct {
  uint32_t type, reserved;
  uint64_t sector;
} header;
static volatile uint8_t data[SECTOR], status;

static void framing(void)
{
  const volatile uint8_t *first = (const volatile uint8_t *)&header;
  const struct vbuf pieces[] = {{first, 1, false},     {first + 1, 7, false}, {first + 8, 8, false},
                                {data, 100, true},     {data + 100, 411, true}, {data + 511, 1, true},
                                {&status, 1, true}};
  open(&disk, 0);
  header.type = BLOCK_IN;
  status = 0xFF;
  bool back = vring_request(&ring, pieces, 7, &length);
  clause_value("virtio/2.7.4.1/any-framing", back && status == 0, status);
}

static void what_the_device_must_not_write(void)
{
  const struct vbuf pieces[] = {{&header, sizeof header, false}, {data, SECTOR, false}, {&status, 1, true}};
  open(&disk, 0);
  header.type = BLOCK_OUT;
  header.sector = 1;
  for (unsigned i = 0; i < SECTOR; i++)
    data[i] = (uint8_t)(i * 7);
  vring_add(&ring, pieces, 3);
  uint64_t table[6];
  for (unsigned i = 0; i < 6; i++)
    table[i] = ((volatile uint64_t *)ring.descriptors)[i];
  uint32_t id;
  vring_kick(&ring);
  vring_wait(&ring, 3, &id, &length);
  bool same = header.type == BLOCK_OUT && header.sector == 1;
  for (unsigned i = 0; i < SECTOR; i++)
    same = same && data[i] == (uint8_t)(i * 7);
  clause("virtio/2.7.5.1/readable-unwritten", same);
  bool unwritten = true;
  for (unsigned i = 0; i < 6; i++)
    unwritten = unwritten && table[i] == ((volatile uint64_t *)ring.descriptors)[i];
  clause("virtio/2.7.5.1/table-unwritten", unwritten);
}

static void indirect_tables(void)
{
  uint32_t id;
  if ((vdev_offered(&disk) & F_INDIRECT_DESC) == 0) {
    clause_skip("virtio/2.7.5.3.2/indirect-write-flag", "INDIRECT_DESC is not offered");
    return;
  }
  const struct vbuf pieces[] = {{&header, sizeof header, false}, {data, SECTOR, true}, {&status, 1, true}};
  open(&disk, F_INDIRECT_DESC);
  header.type = BLOCK_IN;
  status = 0xFF;
  vring_add_indirect(&ring, pieces, 3, 2);
  vring_kick(&ring);
  bool back = vring_wait(&ring, 1, &id, &length);
  clause_value("virtio/2.7.5.3.2/indirect-write-flag", back && status == 0, status);

  // The header by a descriptor of its own, what follows by a table.
  open(&disk, F_INDIRECT_DESC);
  status = 0xFF;
  vring_add_indirect(&ring, pieces + 1, 2, 0);
  volatile uint64_t *table = (volatile uint64_t *)ring.descriptors;
  table[2] = (uintptr_t)&header;
  table[3] = sizeof header | 1ull << 32; // NEXT: descriptor 0
  vring_avail(&ring)[2] = 1;
  vring_kick(&ring);
  back = vring_wait(&ring, 1, &id, &length);
  clause_value("virtio/2.7.5.3.2/chain-then-indirect", back && status == 0, status);
}

void kmain(const struct boot_info *boot)
{
  (void)boot;
  clauses_begin();
  if (vdev_find(&rng, VDEV_ENTROPY, 0, VDEV_MODERN)) {
    without_event_index();
    with_event_index();
    used_length();
    spurious_notifications();
    event_index_around_the_wrap();
  }
  if (vdev_find(&disk, VDEV_BLOCK, 0, VDEV_MODERN)) {
    framing();
    what_the_device_must_not_write();
    indirect_tables();
  }
  clauses_end();
}
