// A driver for one virtio device on the PCI bus with one split queue (virtio 1.3, sections 2.7, 3.1 and 4.1).
#pragma once
#include <stdbool.h>
#include <stdint.h>

#define VIRTIO_VENDOR 0x1AF4
#define VIRTIO_BLOCK 2
#define VIRTIO_ENTROPY 4

#define VIRTIO_F_VERSION_1 (1ull << 32)

#define VIRTIO_MAX_QUEUE 128

struct virtio_buffer {
  const volatile void *data;
  uint32_t length;
  bool writable; // by the device
};

struct virtio_device {
  unsigned slot;
  bool legacy;
  // Where the structures are: addresses, or for the legacy interface the base port alone.
  uint64_t common, notify, isr, config;
  uint32_t notify_multiplier;
  uint16_t queue_size;
  uint16_t next, used;
  uintptr_t descriptors, available, used_ring;
};

// The device type behind a PCI function, 0 when it is not virtio.
unsigned virtio_type(unsigned slot);

// Finds the device's interface and initialises it, up to DRIVER_OK, with queue 0. `msix_entry` is the MSI-X vector for
// the queue, or -1. False when the interface is not there or the device refuses.
bool virtio_start(struct virtio_device *device, unsigned slot, bool legacy, int msix_entry);
// Device status 0, and waits until the device shows it.
void virtio_reset(struct virtio_device *device);

// Makes one chain available and notifies.
void virtio_send(struct virtio_device *device, const struct virtio_buffer *buffers, unsigned count);
// True when the device has given the chain back; `length` is what it says it has written.
bool virtio_done(struct virtio_device *device, uint32_t *length);

// Reads and thereby acknowledges the interrupt status.
uint8_t virtio_isr(struct virtio_device *device);
uint8_t virtio_config8(struct virtio_device *device, unsigned offset);
