// A virtqueue as a bad driver keeps it.
#pragma once
#include <stdbool.h>
#include <stdint.h>

#define RINGS_A_DEVICE 8

struct ring {
  uint64_t areas[3]; // descriptors, driver, device
  uint16_t size;
  bool packed;
  uint16_t available, next; // of split queues
  uint16_t slot, turn;      // of packed ones
};

// `place` says which of the rings' memories it gets.
void ring_init(struct ring *ring, unsigned place, uint16_t size, bool packed, bool legacy);
// A request for queue `queue` of a device of this type, or something that is like one; returns words written.
unsigned ring_add(struct ring *ring, unsigned type, unsigned queue);
// Another value in one of its words.
void ring_disturb(struct ring *ring);
// An address for a part of a queue, 0 to 2: of memory that devices may write, or of none.
uint64_t ring_place(unsigned part);
