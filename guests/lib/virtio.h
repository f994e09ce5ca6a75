// A driver for one virtio device on the PCI bus with split queues (virtio 1.3, sections 2.7, 3.1 and 4.1).
#pragma once
#include <stdbool.h>
#include <stdint.h>

#define VIRTIO_VENDOR 0x1AF4
#define VIRTIO_NET 1
#define VIRTIO_BLOCK 2
#define VIRTIO_CONSOLE 3
#define VIRTIO_ENTROPY 4

#define VIRTIO_F_VERSION_1 (1ull << 32)

#define VIRTIO_MAX_QUEUE 256
// Bytes and alignment of the memory of one queue in the legacy layout: descriptors and available ring, then the used ring.
#define VIRTIO_QUEUE_MEMORY (3 * 4096)
#define VIRTIO_QUEUE_ALIGNMENT 4096

struct virtio_buffer {
  const volatile void *data;
  uint32_t length;
  bool writable; // by the device
};

// One queue with one chain under way at a time.
struct virtio_queue {
  uint16_t index, size;
  uint16_t next, used;
  uintptr_t descriptors, available, used_ring;
  uint64_t notify; // the address to notify at; unused by the legacy interface
};

struct virtio_device {
  unsigned slot;
  bool legacy;
  // Where the structures are: addresses, or for the legacy interface the base port alone.
  uint64_t common, notify, isr, config;
  uint32_t notify_multiplier;
  struct virtio_queue queue; // the one that virtio_start() sets up
};

// The device type behind a PCI function, 0 when it is not virtio.
unsigned virtio_type(unsigned slot);

// Finds the device's interface and resets it; the configuration space can be accessed from then on. False when the
// interface is not there.
bool virtio_find(struct virtio_device *device, unsigned slot, bool legacy);
// The features that it offers: 32 by the legacy interface, 64 by the modern one.
uint64_t virtio_offered(struct virtio_device *device);
// Initialises it as far as to accepted features; VIRTIO_F_VERSION_1 is added where it has to be. False when it refuses.
bool virtio_negotiate(struct virtio_device *device, uint64_t features);
// Sets up a queue in `memory` (VIRTIO_QUEUE_MEMORY). `msix_entry` is its MSI-X vector, or -1.
bool virtio_add_queue(struct virtio_device *device, struct virtio_queue *queue, uint16_t index, void *memory,
                      int msix_entry);
// DRIVER_OK.
void virtio_run(struct virtio_device *device);

// All of that with queue 0 and no features.
bool virtio_start(struct virtio_device *device, unsigned slot, bool legacy, int msix_entry);
// Device status 0, and waits until the device shows it.
void virtio_reset(struct virtio_device *device);

// Makes one chain available and notifies.
void virtio_queue_send(struct virtio_device *device, struct virtio_queue *queue, const struct virtio_buffer *buffers,
                       unsigned count);
// True when the device has given the chain back; `length` is what it says it has written.
bool virtio_queue_done(struct virtio_queue *queue, uint32_t *length);

// The same for the queue of virtio_start().
void virtio_send(struct virtio_device *device, const struct virtio_buffer *buffers, unsigned count);
bool virtio_done(struct virtio_device *device, uint32_t *length);

// Reads and thereby acknowledges the interrupt status.
uint8_t virtio_isr(struct virtio_device *device);
uint8_t virtio_config8(struct virtio_device *device, unsigned offset);
void virtio_write_config8(struct virtio_device *device, unsigned offset, uint8_t value);
