// Block device (5.2).
#include "drivers/driver.h"

#define IN 0
#define OUT 1
#define FLUSH 4
#define GET_ID 8
#define DISCARD 11
#define WRITE_ZEROES 13
#define F_RO (1 << 5)
#define F_FLUSH (1 << 9)
#define F_CONFIG_WCE (1 << 11)
#define F_DISCARD (1 << 13)
#define F_WRITE_ZEROES (1 << 14)
#define SECTOR 512
#define RANGES 40
#define MANY_WRITES 300

struct header {
  uint32_t type, reserved;
  uint64_t sector;
};

struct range {
  uint64_t sector;
  uint32_t sectors, flags;
};

static struct header header;
static uint8_t data[2 * SECTOR];
static struct range ranges[RANGES];
static volatile uint8_t status;

static bool request(struct driver *driver, uint32_t type, uint64_t sector, const void *bytes, uint32_t length)
{
  header = (struct header){type, 0, sector};
  bool writable = type == IN || type == GET_ID;
  struct buffer buffers[] = {{&header, sizeof header, false}, {bytes, length, writable}, {&status, 1, true}};
  if (length > 0)
    return queue_request(driver, &driver->queue[0], buffers, 3);
  buffers[1] = buffers[2];
  return queue_request(driver, &driver->queue[0], buffers, 2);
}

static bool clear_ranges(struct driver *driver, uint32_t type, unsigned count)
{
  for (unsigned i = 0; i < count; i++)
    ranges[i] = (struct range){i, 1, broken("5.2.6.1/discard-unmap") ? 1 : 0};
  uint32_t length = count * sizeof(struct range) - (broken("5.2.6.1/whole-ranges") ? 8 : 0);
  return request(driver, type, 0, ranges, length);
}

static void read_capacity(struct driver *driver)
{
  if (!broken("5.2.6.1/capacity-again"))
    config_read64(driver, 0);
}

// A request in each of two queues, whose ends the interrupt handler sees.
static bool use_both_queues(struct driver *driver)
{
  static struct header headers[2];
  static volatile uint8_t statuses[2];
  driver->handled = 2;
  for (unsigned index = 0; index < 2; index++) {
    struct buffer buffers[] = {{&headers[index], sizeof headers[index], false},
                               {data + SECTOR * index, SECTOR, true},
                               {&statuses[index], 1, true}};
    queue_expose(driver, &driver->queue[index], buffers, 3);
  }
  wait_ms(20);
  driver->handled = 0;
  return driver->served == 3;
}

static bool reads_as_zeroes(struct driver *driver)
{
  if (!request(driver, IN, 0, data, SECTOR))
    return false;
  for (unsigned i = 0; i < SECTOR; i++)
    if (data[i] != 0)
      return false;
  return true;
}

bool drive_blk(struct driver *driver)
{
  driver_queue(driver, 0);
  uint64_t capacity = config_read64(driver, 0);
  config_read32(driver, 20);
  if (broken("4.2.2.2/config-width"))
    config_read8(driver, 20);
  if (broken("2.5.1/optional-fields"))
    config_read32(driver, 8);
  if (driver->offered & F_CONFIG_WCE)
    config_read8(driver, 32);
  if (task("both-queues"))
    driver_queue(driver, 1);
  driver_ready(driver);
  if (task("both-queues"))
    return use_both_queues(driver);
  if (task("follow"))
    driver_follow_config(driver, read_capacity);
  uint64_t last = broken("5.2.6.1/within-capacity") ? capacity : capacity - 1;
  if (!request(driver, IN, last, data, SECTOR))
    return false;
  if (!request(driver, IN, 0, data, broken("5.2.6.1/whole-sectors") ? 100 : 2 * SECTOR))
    return false;
  if (!request(driver, GET_ID, 0, data, broken("5.2.6.1/id-length") ? 16 : 20))
    return false;
  if (driver->features & F_RO || driver->offered & F_RO)
    return true;
  if (!request(driver, OUT, 1, data, SECTOR))
    return false;
  bool flushes = !broken("5.2.5.1/flush-means-it") && !broken("5.2.5.1/writeback-assumed");
  for (unsigned i = 0; i < MANY_WRITES && !flushes; i++)
    if (!request(driver, OUT, 1, data, SECTOR))
      return false;
  if (driver->features & F_FLUSH && flushes) {
    uint64_t sector = broken("5.2.6.1/flush-sector") ? 7 : 0;
    if (!request(driver, FLUSH, sector, data, broken("5.2.6.1/flush-data") ? SECTOR : 0))
      return false;
  }
  if (driver->features & F_DISCARD && !clear_ranges(driver, DISCARD, broken("5.2.6.1/discard-ranges") ? RANGES : 2))
    return false;
  if (broken("5.2.6.1/discarded") && !reads_as_zeroes(driver))
    return false;
  if (driver->features & F_WRITE_ZEROES)
    return clear_ranges(driver, WRITE_ZEROES, broken("5.2.6.1/zeroes-ranges") ? RANGES : 2);
  return true;
}
