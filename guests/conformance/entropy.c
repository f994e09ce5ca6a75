// Entropy devices (virtio 1.4, section 5.4).
#include "lib/boot.h"
#include "lib/clause.h"
#include "lib/vdev.h"

const char guest_name[] = "entropy";

static volatile uint8_t bytes[4096];

void kmain(const struct boot_info *boot)
{
  (void)boot;
  clauses_begin();
  struct vdev dev;
  struct vring ring;
  if (vdev_find(&dev, VDEV_ENTROPY, 0, VDEV_MODERN)) {
    static const uint32_t lengths[] = {1, 2, 63, 4096};
    vdev_begin(&dev, F_VERSION_1);
    vring_open(&ring, &dev, 0, 8, 0);
    vdev_driver_ok(&dev);
    for (unsigned i = 0; i < 4; i++) {
      struct vbuf buffer = {bytes, lengths[i], true};
      uint32_t used = 0;
      bool back = vring_request(&ring, &buffer, 1, &used);
      clause_value("virtio/5.4.6.2/one-byte", back && used >= 1 && used <= lengths[i], used);
    }
  }
  clauses_end();
}
