// Receives frames that are spread over many buffers, with a driver that looks at the ring all the time: packed=1 frames=N
//
// The first network card receives what the second sends; both are on one segment. The driver runs on the second CPU, since a
// device may be served by the thread that runs the first.
#include "lib/args.h"
#include "lib/boot.h"
#include "lib/check.h"
#include "lib/cpu.h"
#include "lib/lapic.h"
#include "lib/smp.h"
#include "lib/vdev.h"

#define F_MAC (1ull << 5)
#define F_MRG_RXBUF (1ull << 15)
#define RECEIVE 0
#define TRANSMIT 1
#define HEADER 12
#define NUM_BUFFERS 10 // its place in the header
#define BUFFERS 64
#define BUFFER_BYTES 64
#define FRAME_BYTES 1000
#define PIECES ((HEADER + FRAME_BYTES + BUFFER_BYTES - 1) / BUFFER_BYTES)
#define DEFAULT_FRAMES 200
#define PATIENCE 4000000000u // looks

const char guest_name[] = "merged";

static struct vdev in, out;
static struct vring receive, unused, transmit;
static volatile uint8_t buffers[BUFFERS][BUFFER_BYTES], frame[HEADER + FRAME_BYTES];
static uint64_t features, frames;

static void post(uint32_t i)
{
  struct vbuf buffer = {buffers[i], BUFFER_BYTES, true};
  vring_add(&receive, &buffer, 1);
}

static bool start(void)
{
  if (!vdev_find(&in, VDEV_NET, 0, VDEV_MODERN) || !vdev_find(&out, VDEV_NET, 1, VDEV_MODERN) ||
      !vdev_begin(&in, features | F_MRG_RXBUF) || !vdev_begin(&out, features))
    return false;
  vring_open(&receive, &in, RECEIVE, BUFFERS, 0);
  vring_open(&unused, &in, TRANSMIT, 16, 1);
  vring_open(&transmit, &out, TRANSMIT, 16, 2);
  vdev_driver_ok(&in);
  vdev_driver_ok(&out);
  for (uint32_t i = 0; i < BUFFERS; i++)
    post(i);
  vring_kick(&receive);
  return true;
}

// The next buffer that is back. Ids count on in packed rings.
static bool look(uint32_t *i)
{
  uint32_t id, length;
  if (!vring_take(&receive, 1, &id, &length))
    return false;
  *i = id % BUFFERS;
  return true;
}

// Looks, without a pause that would let the device get further, until a buffer is there.
static bool take(uint32_t *i)
{
  for (uint32_t looks = 0; looks < PATIENCE; looks++)
    if (look(i))
      return true;
  return false;
}

// Sends a frame and receives it. How many of its buffers there were when the first was seen; 0 when not all came.
static uint32_t exchange(void)
{
  struct vbuf whole = {frame, sizeof frame, false};
  vring_add(&transmit, &whole, 1);
  vring_kick(&transmit);
  uint32_t i, count = 1;
  if (!take(&i))
    return 0;
  uint32_t wanted = (uint32_t)(buffers[i][NUM_BUFFERS] | buffers[i][NUM_BUFFERS + 1] << 8);
  post(i);
  while (count < wanted && look(&i)) {
    post(i);
    count++;
  }
  for (uint32_t late = count; late < wanted; late++) {
    if (!take(&i))
      return 0;
    post(i);
  }
  vring_kick(&receive);
  uint32_t id, length;
  return vring_wait(&transmit, 1, &id, &length) && wanted == PIECES ? count : 0;
}

static void drive(uint32_t cpu)
{
  (void)cpu;
  check("start", start());
  for (unsigned i = 0; i < 6; i++)
    frame[HEADER + i] = 0xFF;
  // A type of its own (RFC 5342: local experiments).
  frame[HEADER + 12] = 0x88;
  frame[HEADER + 13] = 0xB5;
  uint64_t together = 0, cut = 0;
  while (together + cut < frames) {
    uint32_t count = exchange();
    if (count == 0)
      break;
    if (count == PIECES)
      together++;
    else
      cut++;
  }
  check_dec("received", together + cut == frames, together + cut);
  // All buffers of a packet are used together (virtio 1.4, 5.1.9.4.1).
  check_dec("together", cut == 0, together);
  finish();
}

void kmain(const struct boot_info *boot)
{
  static uint8_t ids[MAX_CPUS];
  features = F_VERSION_1 | F_MAC | (option_number(boot->command_line, "packed", 0) != 0 ? F_RING_PACKED : 0);
  frames = option_number(boot->command_line, "frames", DEFAULT_FRAMES);
  lapic_enable();
  uint32_t cpus = smp_find(ids);
  check_dec("cpus", cpus == 2, cpus);
  if (!smp_start(ids[1], 1, drive)) {
    check("second-cpu", false);
    finish();
  }
  halt_for_ever();
}
