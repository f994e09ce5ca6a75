// A virtio device that does something when it is asked to: a source of entropy, or a disk that tells its id.
#pragma once
#include <stdbool.h>

#include "lib/vdev.h"

struct worker {
  struct vdev dev;
  struct vring ring;
};

enum worker_interrupts { BY_MESSAGES, BY_PIN };

// The `nth` device of this type; it is reset.
bool worker_find(struct worker *worker, unsigned type, unsigned nth, enum vdev_way way);
// Starts its first queue, in memory `slot` (0 to 7). By messages, entry 0 of MSI-X interrupts for it.
bool worker_start(struct worker *worker, enum worker_interrupts interrupts, unsigned slot);

// Makes one request.
void worker_ask(struct worker *worker);
// Waits until a request is answered.
bool worker_answers(struct worker *worker);
// Whether one is, without waiting.
bool worker_has_answered(struct worker *worker);
// Both.
bool worker_works(struct worker *worker);
// Whether its function asserts its interrupt pin, whoever listens.
bool worker_asserts_pin(const struct worker *worker);

// The entropy device by its modern interface, which is what most checks need; says so when there is none.
bool worker_find_entropy(struct worker *worker);
