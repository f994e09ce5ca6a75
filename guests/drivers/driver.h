// A virtio driver that keeps every rule of the specification but the one that it is told to break: break=SECTION/WORD.
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "lib/virtio-registers.h"

#define F_INDIRECT_DESC (1ull << 28)
#define F_EVENT_IDX (1ull << 29)
#define F_VERSION_1 (1ull << 32)
#define F_ACCESS_PLATFORM (1ull << 33)
#define F_RING_PACKED (1ull << 34)
#define F_IN_ORDER (1ull << 35)
#define F_ORDER_PLATFORM (1ull << 36)
#define F_SR_IOV (1ull << 37)
#define F_NOTIFICATION_DATA (1ull << 38)
#define F_NOTIF_CONFIG_DATA (1ull << 39)
#define F_RING_RESET (1ull << 40)
#define F_BLK_RO (1ull << 5)
// Of no meaning today.
#define F_RESERVED (1ull << 48)

#define NEXT 1
#define WRITE 2
#define INDIRECT 4

#define MAX_QUEUES 5
#define QUEUE_SIZE 16
#define MAX_TABLE 1200
#define DRIVER_VECTOR 0x50

struct buffer {
  const volatile void *data;
  uint32_t length;
  bool writable; // by the device
};

struct queue {
  uint16_t index, size;
  uintptr_t descriptors, driver_area, device_area, notify;
  // Split: indices of available and used ring. Packed: ring positions, with a wrap counter each.
  uint16_t next, used;
  bool next_wrap, used_wrap;
  uint16_t notified; // `next` at the last notification
  uint16_t free;     // split: the descriptor to use next
  uint16_t slots;    // packed: descriptors of the last list
  uint32_t length;   // used length of the last buffer
};

struct driver {
  unsigned slot;
  uintptr_t common, notify, isr, config; // of the MMIO transport, all but `config` are its base
  uint32_t multiplier;
  bool mmio;
  bool msix;
  bool waiting;     // for a request
  bool lost;        // something has happened that it cannot make sense of
  unsigned handled; // queues whose buffers the interrupt handler takes, and of which it has taken one
  unsigned served;
  uint64_t wanted, offered, features;
  struct queue queue[MAX_QUEUES];
};

// True for the rule that is to be broken.
bool broken(const char *clause);
// True for what is to be done besides: task=WORD.
bool task(const char *word);
// A number of the command line.
uint64_t number(const char *key, uint64_t otherwise);

// Finds the device; false when there is none.
bool driver_find(struct driver *driver, unsigned type);
// As far as to FEATURES_OK, with those of `wanted` that are offered. False when the device refuses.
bool driver_begin(struct driver *driver, uint64_t wanted);
void driver_queue(struct driver *driver, unsigned index);
void driver_ready(struct driver *driver);
void driver_reset(struct driver *driver);
// The device wants to be reset; it is not there any more.
bool driver_needs_reset(struct driver *driver);
bool driver_gone(struct driver *driver);
// From now on there is an interrupt handler. Requests are polled for all the same.
void driver_interrupts(struct driver *driver);
void driver_acknowledge(struct driver *driver);
// For two seconds, calls `again` whenever the configuration has changed.
void driver_follow_config(struct driver *driver, void (*again)(struct driver *driver));
// Takes a queue back and sets it up again (VIRTIO_F_RING_RESET).
void driver_queue_reset(struct driver *driver, unsigned index);

uint8_t config_read8(struct driver *driver, unsigned offset);
uint16_t config_read16(struct driver *driver, unsigned offset);
uint32_t config_read32(struct driver *driver, unsigned offset);
uint64_t config_read64(struct driver *driver, unsigned offset);
uint32_t config_generation(struct driver *driver);
void config_write8(struct driver *driver, unsigned offset, uint8_t value);

// Makes one buffer available; notifies if the device wants it.
void queue_expose(struct driver *driver, struct queue *queue, const struct buffer *buffers, unsigned count);
void queue_notify(struct driver *driver, struct queue *queue);
// Exposes, notifies, and waits a while for the buffer to come back.
bool queue_request(struct driver *driver, struct queue *queue, const struct buffer *buffers, unsigned count);
// Takes back the next buffer that was used; false when there is none.
bool queue_take(struct driver *driver, struct queue *queue);
// Waits, by the ACPI power management timer.
void wait_ms(unsigned ms);

bool drive_rng(struct driver *driver);
bool drive_blk(struct driver *driver);
bool drive_console(struct driver *driver);
bool drive_net(struct driver *driver);
bool drive_chips(void);
