// Block devices (virtio 1.4, section 5.2): the first disk is written to; the second, if there is one, is read-only.
#include "lib/boot.h"
#include "lib/clause.h"
#include "lib/vdev.h"

const char guest_name[] = "blk";

#define SECTOR 512
#define IN 0
#define OUT 1
#define FLUSH 4
#define DISCARD 11
#define WRITE_ZEROES 13
#define ZONE_REPORT 16
#define ZONE_RESET_ALL 26
#define OK 0
#define IOERR 1
#define UNSUPP 2
#define UNMAP 1

#define F_RO (1ull << 5)
#define F_FLUSH (1ull << 9)
#define F_CONFIG_WCE (1ull << 11)
#define F_DISCARD (1ull << 13)
#define F_WRITE_ZEROES (1ull << 14)
#define F_LIFETIME (1ull << 15)
#define F_ZONED (1ull << 17)

#define WRITEBACK 32
#define UNUSED_0 33
#define UNUSED_1 57

static struct vdev dev;
static struct vring ring;
static volatile uint8_t data[SECTOR], status;
static uint32_t length;

static uint8_t request(uint32_t type, uint64_t sector, volatile void *bytes, uint32_t count, bool writable)
{
  static struct {
    uint32_t type, reserved;
    uint64_t sector;
  } header;
  header.type = type;
  header.sector = sector;
  status = 0xFF;
  struct vbuf pieces[3] = {{&header, sizeof header, false}};
  unsigned pieces_used = 1;
  if (count > 0)
    pieces[pieces_used++] = (struct vbuf){bytes, count, writable};
  pieces[pieces_used++] = (struct vbuf){&status, 1, true};
  return vring_request(&ring, pieces, pieces_used, &length) ? status : 0xFE;
}

static uint8_t range(uint32_t type, uint64_t sector, uint32_t sectors, uint32_t flags)
{
  static struct {
    uint64_t sector;
    uint32_t sectors, flags;
  } segment;
  segment.sector = sector;
  segment.sectors = sectors;
  segment.flags = flags;
  return request(type, 0, &segment, sizeof segment, false);
}

static bool start(uint64_t features)
{
  if (!vdev_begin(&dev, F_VERSION_1 | features))
    return false;
  vring_open(&ring, &dev, 0, 16, 0);
  vdev_driver_ok(&dev);
  return true;
}

static void features(void)
{
  uint64_t offered = vdev_offered(&dev);
  clause_value("virtio/5.2.5.2/flush", (offered & F_FLUSH) != 0, offered);
  clause("virtio/5.2.5.2/not-zoned", (offered & F_ZONED) == 0);
  clause("virtio/5.2.6.2/no-lifetime", (offered & F_LIFETIME) == 0);
  uint32_t unused = vdev_config(&dev, UNUSED_0, 1) | vdev_config(&dev, UNUSED_1, 1) |
                    vdev_config(&dev, UNUSED_1 + 1, 1) | vdev_config(&dev, UNUSED_1 + 2, 1);
  clause_value("virtio/5.2.5.2/padding", unused == 0, unused);
  if ((offered & F_CONFIG_WCE) == 0)
    clause_skip("virtio/5.2.5.2/writeback-0", "CONFIG_WCE is not offered");
  else if (start(F_CONFIG_WCE))
    clause_value("virtio/5.2.5.2/writeback-0", vdev_config(&dev, WRITEBACK, 1) == 0, vdev_config(&dev, WRITEBACK, 1));
}

static void ranges(void)
{
  uint64_t wanted = F_DISCARD | F_WRITE_ZEROES;
  if ((vdev_offered(&dev) & wanted) != wanted) {
    clause_skip("virtio/5.2.6.2/zeroes", "DISCARD and WRITE_ZEROES are not offered");
    return;
  }
  start(wanted);
  uint8_t result = range(WRITE_ZEROES, 8, 1, 1u << 7);
  clause_value("virtio/5.2.6.2/unknown-flags", result == UNSUPP, result);
  result = range(DISCARD, 8, 1, 1u << 7);
  clause_value("virtio/5.2.6.2/unknown-flags", result == UNSUPP, result);
  result = range(DISCARD, 8, 1, UNMAP);
  clause_value("virtio/5.2.6.2/discard-unmap", result == UNSUPP, result);
  for (uint32_t flags = 0; flags <= UNMAP; flags++) {
    for (unsigned i = 0; i < SECTOR; i++)
      data[i] = 0xA5;
    request(OUT, 8, data, SECTOR, false);
    bool zero = range(WRITE_ZEROES, 8, 1, flags) == OK && request(IN, 8, data, SECTOR, true) == OK;
    for (unsigned i = 0; i < SECTOR; i++)
      zero = zero && data[i] == 0;
    clause_value("virtio/5.2.6.2/zeroes", zero, flags);
  }
}

static void zone_requests(void)
{
  start(0);
  for (uint32_t type = ZONE_REPORT; type <= ZONE_RESET_ALL; type += 2) {
    uint8_t result = request(type, 0, data, SECTOR, true);
    clause_value("virtio/5.2.6.2/zone-requests", result == UNSUPP, result);
  }
}

// The used length counts from the start of the writable part: of a request that fails nothing is written there.
static void used_length(void)
{
  uint64_t beyond = (uint64_t)vdev_config(&dev, 0, 4) | (uint64_t)vdev_config(&dev, 4, 4) << 32;
  start(0);
  for (unsigned i = 0; i < SECTOR; i++)
    data[i] = 0xA5;
  uint8_t result = request(IN, beyond, data, SECTOR, true);
  bool written = true;
  for (unsigned i = 0; i < SECTOR && i < length; i++)
    written = written && data[i] != 0xA5;
  clause_value("virtio/2.7.8.1/len-written", result == IOERR && written, length);
}

static void read_only(void)
{
  if (!vdev_find(&dev, VDEV_BLOCK, 1, VDEV_MODERN) || (vdev_offered(&dev) & F_RO) == 0) {
    clause_skip("virtio/5.2.6.2/read-only", "no read-only disk");
    return;
  }
  start(0);
  uint8_t before[SECTOR];
  request(IN, 0, data, SECTOR, true);
  for (unsigned i = 0; i < SECTOR; i++) {
    before[i] = data[i];
    data[i] = (uint8_t)~data[i];
  }
  uint8_t result = request(OUT, 0, data, SECTOR, false);
  request(IN, 0, data, SECTOR, true);
  bool same = true;
  for (unsigned i = 0; i < SECTOR; i++)
    same = same && data[i] == before[i];
  clause_value("virtio/5.2.6.2/read-only", result == IOERR && same, result);
}

void kmain(const struct boot_info *boot)
{
  (void)boot;
  clauses_begin();
  if (vdev_find(&dev, VDEV_BLOCK, 0, VDEV_MODERN)) {
    features();
    ranges();
    zone_requests();
    used_length();
    read_only();
  }
  clauses_end();
}
