// Console devices (virtio 1.4, section 5.3).
#include "lib/boot.h"
#include "lib/clause.h"
#include "lib/vdev.h"
#include "lib/wait.h"

const char guest_name[] = "console";

#define F_MULTIPORT (1ull << 1)
#define F_EMERG_WRITE (1ull << 2)

#define CONTROL_RECEIVE 2
#define CONTROL_TRANSMIT 3
#define DEVICE_READY 0
#define DEVICE_ADD 1
#define DEVICE_REMOVE 2
#define MESSAGES 16
#define MAX_PORTS 64

struct message {
  uint32_t id;
  uint16_t event, value;
  uint8_t rest[24];
};

static struct vdev dev;

static void emergency_write(void)
{
  vdev_reset(&dev);
  if ((vdev_offered(&dev) & F_EMERG_WRITE) == 0) {
    clause_skip("virtio/5.3.5.1/emergency-always", "EMERG_WRITE is not offered");
    return;
  }
  vdev_config_write(&dev, 8, 4, '!');
  // It is still there, and can be set up.
  clause("virtio/5.3.5.1/emergency-always", vdev_status(&dev) == 0 && vdev_begin(&dev, F_VERSION_1));
}

static void ports(void)
{
  static volatile struct message received[MESSAGES], sent;
  static struct vring in, out, data_in, data_out;
  bool added[MAX_PORTS] = {false};
  if ((vdev_offered(&dev) & F_MULTIPORT) == 0) {
    clause_skip("virtio/5.3.6.2.1/adds-once", "MULTIPORT is not offered");
    return;
  }
  vdev_begin(&dev, F_VERSION_1 | F_MULTIPORT);
  uint32_t most = vdev_config(&dev, 4, 4), length, id;
  vring_open(&data_in, &dev, 0, 16, 0);
  vring_open(&data_out, &dev, 1, 16, 1);
  vring_open(&in, &dev, CONTROL_RECEIVE, 16, 2);
  vring_open(&out, &dev, CONTROL_TRANSMIT, 16, 3);
  vdev_driver_ok(&dev);
  for (unsigned i = 0; i < MESSAGES; i++) {
    struct vbuf buffer = {&received[i], sizeof received[i], true};
    vring_add(&in, &buffer, 1);
  }
  vring_kick(&in);
  bool known = true;
  // Twice: what there is already is not added again.
  for (unsigned round = 0; round < 2; round++) {
    sent = (struct message){.event = DEVICE_READY, .value = 1};
    struct vbuf buffer = {&sent, 8, false};
    vring_request(&out, &buffer, 1, &length);
    settle();
    while (vring_take(&in, 1, &id, &length)) {
      volatile struct message *message = &received[id % MESSAGES];
      if (message->event == DEVICE_REMOVE)
        known = known && message->id < MAX_PORTS && added[message->id];
      if (message->event != DEVICE_ADD)
        continue;
      bool fresh = message->id < most && message->id < MAX_PORTS && !added[message->id];
      clause_value("virtio/5.3.6.2.1/adds-once", fresh, message->id);
      if (message->id < MAX_PORTS)
        added[message->id] = true;
    }
  }
  clause("virtio/5.3.6.2.1/removes-known", known);
}

void kmain(const struct boot_info *boot)
{
  (void)boot;
  clauses_begin();
  if (vdev_find(&dev, VDEV_CONSOLE, 0, VDEV_MODERN)) {
    emergency_write();
    ports();
  }
  clauses_end();
}
