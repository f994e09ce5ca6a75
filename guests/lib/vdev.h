// A virtio device by whatever way, register by register: for guests that do what drivers do not (virtio 1.4, section 4).
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "lib/virtio-registers.h"

enum vdev_way { VDEV_MODERN, VDEV_LEGACY, VDEV_MMIO, VDEV_MMIO_LEGACY };

#define VDEV_NET 1
#define VDEV_BLOCK 2
#define VDEV_CONSOLE 3
#define VDEV_ENTROPY 4

#define F_NOTIFY_ON_EMPTY (1ull << 24)
#define F_ANY_LAYOUT (1ull << 27)
#define F_INDIRECT_DESC (1ull << 28)
#define F_EVENT_IDX (1ull << 29)
#define F_VERSION_1 (1ull << 32)
#define F_ACCESS_PLATFORM (1ull << 33)
#define F_RING_PACKED (1ull << 34)
#define F_IN_ORDER (1ull << 35)
#define F_ORDER_PLATFORM (1ull << 36)
#define F_SR_IOV (1ull << 37)
#define F_NOTIFICATION_DATA (1ull << 38)
#define F_RING_RESET (1ull << 40)

#define NO_VECTOR 0xFFFF
#define VDEV_VECTORS 8 // entries of MSI-X whose interrupts are counted
#define MAX_QUEUE 256

struct vdev {
  enum vdev_way way;
  unsigned type;
  unsigned slot;                              // of the PCI bus
  uint64_t common, notify, isr, config, base; // addresses; for the legacy interface ports
  uint32_t notify_length, multiplier;
  uint64_t features; // accepted
};

// The `nth` device of this type that can be reached in this way. It is reset.
bool vdev_find(struct vdev *dev, unsigned type, unsigned nth, enum vdev_way way);

uint8_t vdev_status(struct vdev *dev);
void vdev_set_status(struct vdev *dev, uint8_t status);
void vdev_reset(struct vdev *dev); // and waits until it is done
uint64_t vdev_offered(struct vdev *dev);
void vdev_accept(struct vdev *dev, uint64_t features);
// Reset, then all up to FEATURES_OK; false when the device did not take the features.
bool vdev_begin(struct vdev *dev, uint64_t features);
void vdev_driver_ok(struct vdev *dev);

uint16_t vdev_queue_size(struct vdev *dev, uint16_t index); // 0: there is none
void vdev_queue_set(struct vdev *dev, uint16_t index, uint16_t size, uint64_t descriptors, uint64_t driver,
                    uint64_t device);
bool vdev_queue_enabled(struct vdev *dev, uint16_t index);
void vdev_queue_reset(struct vdev *dev, uint16_t index);
// False when the device has not taken it.
bool vdev_queue_vector(struct vdev *dev, uint16_t index, uint16_t vector);
bool vdev_config_vector(struct vdev *dev, uint16_t vector);
void vdev_notify(struct vdev *dev, uint16_t index);

uint32_t vdev_config(struct vdev *dev, unsigned offset, unsigned size);
void vdev_config_write(struct vdev *dev, unsigned offset, unsigned size, uint32_t value);
uint8_t vdev_isr(struct vdev *dev);

// MSI-X on, its first entries leading to handlers that count; off: INTx, counted too.
bool vdev_use_msix(struct vdev *dev);
void vdev_use_intx(struct vdev *dev);
extern volatile uint32_t vdev_interrupts[VDEV_VECTORS];
extern volatile uint32_t vdev_intx;
extern volatile uint8_t vdev_isr_seen; // by the handler of INTx, of the last interrupt
void vdev_clear_interrupts(void);

// ---- Rings ----

struct vbuf {
  const volatile void *data;
  uint32_t length;
  bool writable; // by the device
};

struct vring {
  struct vdev *dev;
  uint16_t index, size;
  bool packed;
  uintptr_t descriptors, driver, device; // the areas
  uint16_t free;                         // next descriptor
  uint16_t available, used;              // split: indices; packed: positions
  uint16_t wrap, used_wrap;              // packed
};

// Sets up and enables queue `index` with `size` entries, in memory of its own: `slot` 0 to 7 says which.
bool vring_open(struct vring *ring, struct vdev *dev, uint16_t index, uint16_t size, unsigned slot);
// One chain into the ring; it is available when this returns, and the device is not notified. Returns its id.
uint16_t vring_add(struct vring *ring, const struct vbuf *buffers, unsigned count);
// The same by an indirect table; `flags` are those of the descriptor that refers to it, besides INDIRECT.
uint16_t vring_add_indirect(struct vring *ring, const struct vbuf *buffers, unsigned count, uint16_t flags);
void vring_kick(struct vring *ring);
// The next chain that the device has given back. `slots` is how many descriptors it took, for packed rings.
bool vring_take(struct vring *ring, unsigned slots, uint32_t *id, uint32_t *length);
// Waits for it.
bool vring_wait(struct vring *ring, unsigned slots, uint32_t *id, uint32_t *length);
// Sends one chain and waits until it is back; false when it does not come.
bool vring_request(struct vring *ring, const struct vbuf *buffers, unsigned count, uint32_t *length);

static inline volatile uint16_t *vring_avail(struct vring *ring)
{
  return (volatile uint16_t *)ring->driver;
}

static inline volatile uint16_t *vring_used(struct vring *ring)
{
  return (volatile uint16_t *)ring->device;
}
