// Entropy device (5.4): the plain device with which rings and transports are tried.
#include "drivers/driver.h"

#include "lib/cpu.h"

static uint8_t bytes[64];
static const struct buffer whole = {bytes, sizeof bytes, true};

static const struct buffer halves[] = {{bytes, 32, true}, {bytes + 32, 32, true}};
static const struct buffer readable_last[] = {{bytes, 32, true}, {bytes + 32, 32, false}};
static const struct buffer readable[] = {{bytes, 32, false}, {bytes + 32, 32, true}};
static const struct buffer nowhere = {(void *)0xF000000000ull, 64, true};

// Changes what the device has.
static void meddle(struct driver *driver, struct queue *queue)
{
  queue_expose(driver, queue, &whole, 1);
  uint16_t last = driver->features & F_RING_PACKED ? (uint16_t)(queue->next + queue->size - 1) : queue->next - 1;
  ((volatile uint32_t *)(queue->descriptors + 16u * (last % queue->size)))[2] = 32;
  wait_ms(20);
}

static bool many_descriptors(struct driver *driver, struct queue *queue)
{
  struct buffer tiny[QUEUE_SIZE];
  for (unsigned i = 0; i < QUEUE_SIZE; i++)
    tiny[i] = (struct buffer){bytes + i, 1, true};
  return queue_request(driver, queue, tiny, queue->size);
}

// The device has served enough of them, and says so or is away: a driver that goes on begins anew, or does without.
static bool recover(struct driver *driver)
{
  static bool before;
  if (driver_gone(driver))
    return true;
  if (before || !driver_needs_reset(driver))
    return false;
  before = true;
  if (broken("2.1.1/needs-reset")) {
    // A driver that asserts that each request comes back.
    halt_for_ever();
  }
  if (!driver_begin(driver, driver->wanted))
    return false;
  driver_queue(driver, 0);
  driver_ready(driver);
  return true;
}

bool drive_rng(struct driver *driver)
{
  struct queue *queue = &driver->queue[0];
  driver_queue(driver, 0);
  driver_ready(driver);
  if (broken("2.7.4.2/few-descriptors"))
    return many_descriptors(driver, queue);
  if (broken("2.7.4.2/readable-first") || broken("2.8.17/readable-first"))
    return queue_request(driver, queue, readable_last, 2);
  if (broken("5.4.6.1/writable"))
    return queue_request(driver, queue, readable, 2);
  if (broken("6.1/physical-addresses"))
    return queue_request(driver, queue, &nowhere, 1);
  // More than the ring has entries: it goes round.
  unsigned rounds = (unsigned)number("rounds", 2 * QUEUE_SIZE);
  for (unsigned i = 0; i < rounds; i++) {
    if (queue_request(driver, queue, i % 2 ? halves : &whole, i % 2 ? 2 : 1))
      continue;
    if (!recover(driver))
      return false;
    if (driver_gone(driver))
      return true;
  }
  if (task("idle"))
    wait_ms(50);
  bool takes_all = broken("5.4.6.1/length") || broken("2.7.8.2/beyond-len");
  if (takes_all && queue->length != sizeof bytes)
    return false;
  if (broken("2.8.16/waits-for-used")) {
    meddle(driver, queue);
    return true;
  }
  if (driver->features & F_RING_RESET || driver->mmio) {
    driver_queue_reset(driver, 0);
    if (!queue_request(driver, queue, &whole, 1))
      return false;
  }
  if (broken("4.2.3.4.1/acknowledges-after"))
    wait_ms(2500);
  return true;
}
