// Status, features, configuration space and queue reset (virtio 1.4, sections 2.1 to 2.6 and 6), over PCI.
#include "lib/boot.h"
#include "lib/clause.h"
#include "lib/vdev.h"
#include "lib/wait.h"

const char guest_name[] = "basic";

static struct vdev rng, disk;
static struct vring ring;
static volatile uint8_t bytes[64];
static const struct vbuf buffer = {bytes, sizeof bytes, true};

static bool needs_reset(void)
{
  return (vdev_status(&rng) & STATUS_NEEDS_RESET) != 0;
}

static void status_after_reset(void)
{
  vdev_begin(&rng, F_VERSION_1);
  vdev_reset(&rng);
  clause_value("virtio/2.4.1/status-0", vdev_status(&rng) == 0, vdev_status(&rng));
}

static void idle_before_driver_ok(void)
{
  vdev_begin(&rng, F_VERSION_1);
  vdev_use_msix(&rng);
  vdev_queue_vector(&rng, 0, 0);
  vring_open(&ring, &rng, 0, vdev_queue_size(&rng, 0), 0);
  vring_add(&ring, &buffer, 1);
  vring_kick(&ring);
  settle();
  bool idle = vring_used(&ring)[1] == 0 && vdev_interrupts[0] == 0;
  clause_value("virtio/2.1.2/idle-before-ok", idle, vring_used(&ring)[1]);
}

static void quiet_after_reset(void)
{
  uint32_t length;
  vdev_begin(&rng, F_VERSION_1);
  vdev_use_msix(&rng);
  vdev_queue_vector(&rng, 0, 0);
  vring_open(&ring, &rng, 0, vdev_queue_size(&rng, 0), 0);
  vdev_driver_ok(&rng);
  vring_request(&ring, &buffer, 1, &length);
  vdev_reset(&rng);
  vdev_clear_interrupts();
  vring_add(&ring, &buffer, 1);
  vring_kick(&ring);
  settle();
  clause_value("virtio/2.4.1/quiet", vring_used(&ring)[1] == 1 && vdev_interrupts[0] == 0, vring_used(&ring)[1]);
}

// A descriptor that does not exist: nothing but a reset helps.
static void needs_reset_after_a_broken_ring(void)
{
  vdev_begin(&rng, F_VERSION_1);
  vdev_use_msix(&rng);
  vdev_config_vector(&rng, 1);
  vring_open(&ring, &rng, 0, vdev_queue_size(&rng, 0), 0);
  vdev_driver_ok(&rng);
  vring_avail(&ring)[2] = 0xFFF0;
  vring_avail(&ring)[1] = 1;
  vring_kick(&ring);
  clause_value("virtio/2.1.2/needs-reset", wait_until(needs_reset), vdev_status(&rng));
  clause("virtio/2.1.2/needs-reset-told", wait_for_count(&vdev_interrupts[1], 1));
}

static void features(void)
{
  uint64_t offered = vdev_offered(&rng);
  clause("virtio/6.2/version-1", (offered & F_VERSION_1) != 0);
  clause("virtio/6.2/no-sr-iov", (offered & F_SR_IOV) == 0);
  // Entropy devices have no bits of their own: 0 to 23 and 50 to 63 mean nothing.
  uint64_t meaningless = offered & 0xFFFC000000FFFFFFull;
  clause_value("virtio/2.2.2/nothing-unknown", meaningless == 0, meaningless);
  clause("virtio/2.2.2/subsets", vdev_begin(&rng, F_VERSION_1));
  clause("virtio/2.2.2/subsets", vdev_begin(&rng, F_VERSION_1 | (offered & F_EVENT_IDX)));
  bool all = vdev_begin(&rng, offered);
  clause("virtio/2.2.2/subsets", all);
  clause("virtio/2.2.2/again", vdev_begin(&rng, offered) == all);
  clause("virtio/2.2.2/refuses", !vdev_begin(&rng, F_VERSION_1 | 1));
}

// Requirements between feature bits of network devices are those that there are (5.1.3.1).
static void dependencies(void)
{
  static const struct {
    uint8_t bit, needs, otherwise;
  } needs[] = {{7, 1, 1},   {8, 1, 1},   {9, 7, 8},    {10, 1, 1},   {11, 0, 0},  {12, 0, 0},  {13, 11, 12},
               {18, 17, 17}, {19, 17, 17}, {21, 17, 17}, {22, 17, 17}, {23, 17, 17}, {54, 1, 1},  {55, 1, 1},
               {56, 0, 0}};
  struct vdev net;
  if (!vdev_find(&net, VDEV_NET, 0, VDEV_MODERN)) {
    clause_skip("virtio/2.2.2/dependencies", "no network device");
    return;
  }
  uint64_t offered = vdev_offered(&net);
  for (unsigned i = 0; i < sizeof needs / sizeof needs[0]; i++) {
    bool there = (offered >> needs[i].bit & 1) != 0;
    bool met = (offered >> needs[i].needs & 1) != 0 || (offered >> needs[i].otherwise & 1) != 0;
    clause_value("virtio/2.2.2/dependencies", !there || met, needs[i].bit);
  }
}

static void configuration_before_features(void)
{
  uint8_t early[8];
  vdev_reset(&disk);
  for (unsigned i = 0; i < sizeof early; i++)
    early[i] = (uint8_t)vdev_config(&disk, i, 1);
  vdev_begin(&disk, F_VERSION_1);
  bool same = true;
  for (unsigned i = 0; i < sizeof early; i++)
    same = same && early[i] == vdev_config(&disk, i, 1);
  clause("virtio/2.5.2/early-reads", same && (early[0] | early[1] | early[2]) != 0);
}

static void queue_reset(void)
{
  uint32_t length;
  if ((vdev_offered(&rng) & F_RING_RESET) == 0) {
    clause_skip("virtio/2.6.1.1.1/stops", "RING_RESET is not offered");
    clause_skip("virtio/2.6.1.1.1/default-state", "RING_RESET is not offered");
    clause_skip("virtio/2.6.1.2.1/new-setup", "RING_RESET is not offered");
    return;
  }
  vdev_begin(&rng, F_VERSION_1 | F_RING_RESET);
  uint16_t size = vdev_queue_size(&rng, 0);
  vring_open(&ring, &rng, 0, 8, 0);
  vdev_driver_ok(&rng);
  vring_request(&ring, &buffer, 1, &length);
  vdev_queue_reset(&rng, 0);
  vring_add(&ring, &buffer, 1);
  vring_kick(&ring);
  settle();
  clause_value("virtio/2.6.1.1.1/stops", vring_used(&ring)[1] == 1, vring_used(&ring)[1]);
  bool fresh = !vdev_queue_enabled(&rng, 0) && vdev_queue_size(&rng, 0) == size;
  clause_value("virtio/2.6.1.1.1/default-state", fresh, vdev_queue_size(&rng, 0));
  vring_open(&ring, &rng, 0, 4, 1);
  clause("virtio/2.6.1.2.1/new-setup", vring_request(&ring, &buffer, 1, &length));
}

static void in_order(void)
{
  if ((vdev_offered(&rng) & F_IN_ORDER) == 0) {
    clause_skip("virtio/6.2/in-order", "IN_ORDER is not offered");
    return;
  }
  vdev_begin(&rng, F_VERSION_1 | F_IN_ORDER);
  vring_open(&ring, &rng, 0, 8, 0);
  vdev_driver_ok(&rng);
  for (unsigned i = 0; i < 4; i++)
    vring_add(&ring, &buffer, 1);
  vring_kick(&ring);
  bool ordered = true;
  for (uint32_t i = 0, id, length; i < 4; i++)
    ordered = vring_wait(&ring, 1, &id, &length) && id == i && ordered;
  clause("virtio/6.2/in-order", ordered);
}

void kmain(const struct boot_info *boot)
{
  (void)boot;
  clauses_begin();
  if (vdev_find(&rng, VDEV_ENTROPY, 0, VDEV_MODERN)) {
    status_after_reset();
    features();
    dependencies();
    idle_before_driver_ok();
    quiet_after_reset();
    queue_reset();
    in_order();
    needs_reset_after_a_broken_ring();
  }
  if (vdev_find(&disk, VDEV_BLOCK, 0, VDEV_MODERN))
    configuration_before_features();
  clauses_end();
}
