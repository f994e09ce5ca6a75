// Network device (5.1): one pair of queues or two, and the control queue.
#include "drivers/driver.h"

#include "lib/strings.h"

#define CSUM (1ull << 0)
#define MAC (1ull << 5)
#define GUEST_TSO4 (1ull << 7)
#define HOST_TSO4 (1ull << 11)
#define HOST_TSO6 (1ull << 12)
#define HOST_ECN (1ull << 13)
#define MRG_RXBUF (1ull << 15)
#define STATUS (1ull << 16)
#define CTRL_VQ (1ull << 17)
#define CTRL_RX (1ull << 18)
#define CTRL_RX_EXTRA (1ull << 20)
#define MQ (1ull << 22)
#define CTRL_MAC_ADDR (1ull << 23)
#define CTRL_GUEST_OFFLOADS (1ull << 2)
#define HOST_USO (1ull << 56)
#define HDRLEN (1ull << 59)
#define SPEED_DUPLEX (1ull << 63)

#define HEADER 12
#define ETHERNET 14
#define IPV4 20
#define TCP 20
#define UDP 8
#define NEEDS_CSUM 1
#define DATA_VALID 2
#define TCPV4 1
#define GSO_UDP 3
#define TCPV6 4
#define UDP_L4 5
#define ECN 0x80
#define MAX_FRAME 4096
#define RECEIVE_BUFFERS 4
#define KNOWN_FLAGS 7
#define SPEED 12
#define DUPLEX 16
#define MAX_SPEED 0x7FFFFFFFu
#define ANNOUNCE 2
#define ARP 28
#define ICMP 1
#define ECHO_REQUEST 8
#define LOOKS 40

struct net_header {
  uint8_t flags, gso_type;
  uint16_t hdr_len, gso_size, csum_start, csum_offset, num_buffers;
};

static struct {
  struct net_header header;
  uint8_t frame[MAX_FRAME];
} packet;
static uint8_t receive[2 * RECEIVE_BUFFERS][65562];
static uint8_t mac[6];
static const uint8_t peer[6] = {0x52, 0x55, 10, 0, 2, 2};
static unsigned taken; // receive buffers that have come back
static uint8_t command[64];
static volatile uint8_t answer;

static void put16(uint8_t *at, unsigned value)
{
  at[0] = (uint8_t)(value >> 8);
  at[1] = (uint8_t)value;
}

static unsigned sum(const uint8_t *bytes, unsigned length, unsigned initial)
{
  for (unsigned i = 0; i < length; i += 2)
    initial += (unsigned)bytes[i] << 8 | (i + 1 < length ? bytes[i + 1] : 0);
  while (initial >> 16)
    initial = (initial & 0xFFFF) + (initial >> 16);
  return initial;
}

// A frame with an IPv4 packet of `payload` bytes in TCP or UDP; its checksum is that of the pseudo header alone.
static unsigned make_frame(bool tcp, unsigned payload)
{
  uint8_t *frame = packet.frame;
  memset(&packet, 0, sizeof packet);
  if (task("answer"))
    memcpy(frame, peer, 6);
  else
    memset(frame, 0xFF, 6);
  memcpy(frame + 6, mac, 6);
  bool foreign = broken("5.1.4.2/uses-mac") || broken("5.1.9.5.2.2/mac-set");
  frame[11] ^= foreign ? 0x55 : 0;
  put16(frame + 12, 0x0800);
  uint8_t *ip = frame + ETHERNET;
  unsigned transport = (tcp ? TCP : UDP) + payload;
  ip[0] = 0x45;
  put16(ip + 2, IPV4 + transport);
  ip[8] = 64;
  ip[9] = tcp ? 6 : 17;
  memcpy(ip + 12, (const uint8_t[]){10, 0, 2, 15, 10, 0, 2, 2}, 8);
  put16(ip + 10, ~sum(ip, IPV4, 0) & 0xFFFF);
  uint8_t *segment = ip + IPV4;
  put16(segment, 1000);
  put16(segment + 2, 9);
  if (tcp)
    segment[12] = (TCP / 4) << 4;
  else
    put16(segment + 4, transport);
  unsigned pseudo = sum(ip + 12, 8, (tcp ? 6 : 17) + transport);
  put16(segment + (tcp ? 16 : 6), pseudo);
  return ETHERNET + IPV4 + transport;
}

static void finish_checksum(unsigned length)
{
  uint8_t *segment = packet.frame + ETHERNET + IPV4;
  put16(segment + 6, (~sum(segment, length - ETHERNET - IPV4, 0) & 0xFFFF) ^ (broken("5.1.9.2.1/no-csum-complete") ? 1 : 0));
}

static void ask_for_checksum(bool tcp)
{
  packet.header.flags = NEEDS_CSUM;
  packet.header.csum_start = ETHERNET + IPV4;
  packet.header.csum_offset = tcp ? 16 : 6;
  if (broken("5.1.9.2.1/csum-place"))
    packet.header.csum_start = 5000;
  if (broken("5.1.9.2.1/pseudo-header"))
    packet.frame[ETHERNET + IPV4 + packet.header.csum_offset] ^= 1;
}

static bool transmit(struct driver *driver, unsigned pair, unsigned length)
{
  unsigned skip = broken("5.1.9.2.1/header-size") ? 2 : 0;
  if (skip)
    memmove((uint8_t *)&packet + HEADER - skip, packet.frame, length);
  const struct buffer buffer = {&packet, HEADER - skip + length, false};
  return queue_request(driver, &driver->queue[2 * pair + 1], &buffer, 1);
}

static bool send_datagram(struct driver *driver, unsigned pair, unsigned payload)
{
  unsigned length = make_frame(false, payload);
  if (driver->features & CSUM)
    ask_for_checksum(false);
  else
    finish_checksum(length);
  if (broken("5.1.9.2.1/no-csum-flags"))
    packet.header.flags = NEEDS_CSUM;
  if (broken("5.1.9.2.1/num-buffers"))
    packet.header.num_buffers = 1;
  if (broken("5.1.9.2.1/no-data-valid"))
    packet.header.flags |= DATA_VALID;
  if (broken("5.1.9.2.1/no-gso"))
    packet.header.gso_type = UDP_L4;
  return transmit(driver, pair, length);
}

static unsigned segment_type(void)
{
  if (broken("5.1.9.2.1/tso6"))
    return TCPV6;
  if (broken("5.1.9.2.1/ufo"))
    return GSO_UDP;
  if (broken("5.1.9.2.1/uso"))
    return UDP_L4;
  return TCPV4 | (broken("5.1.9.2.1/ecn") ? ECN : 0);
}

static bool send_segment(struct driver *driver)
{
  unsigned length = make_frame(true, 3000);
  ask_for_checksum(true);
  packet.header.gso_type = (uint8_t)segment_type();
  packet.header.gso_size = broken("5.1.9.2.1/gso-csum") ? 0 : 1000;
  packet.header.hdr_len = ETHERNET + IPV4 + TCP;
  if (broken("5.1.9.2.1/hdr-len"))
    packet.header.hdr_len = 4;
  if (broken("5.1.9.2.1/hdr-len-exact"))
    packet.header.hdr_len++;
  if (driver->features & HOST_ECN && !broken("5.1.9.2.1/ecn")) {
    packet.frame[ETHERNET + IPV4 + 13] |= 0x80;
    packet.header.gso_type |= ECN;
  }
  return transmit(driver, 0, length);
}

static void fill_receive_queue(struct driver *driver, unsigned pair)
{
  uint32_t size = driver->features & MRG_RXBUF ? 4096 : driver->features & GUEST_TSO4 ? 65562 : 1526;
  if (broken("5.1.9.3.1/buffers") || broken("5.1.9.3.1/large-buffers") || broken("5.1.4.2/mtu-buffers"))
    size = 100;
  if (broken("5.1.9.3.1/merged-buffers"))
    size = 8;
  struct queue *queue = &driver->queue[2 * pair];
  unsigned count = driver->features & F_RING_PACKED && broken("2.8.17/space-first") ? QUEUE_SIZE - 1 : RECEIVE_BUFFERS;
  for (unsigned i = 0; i < count; i++) {
    const struct buffer buffer = {receive[(pair * RECEIVE_BUFFERS + i) % (2 * RECEIVE_BUFFERS)], size, true};
    queue_expose(driver, queue, &buffer, 1);
  }
  if (!broken("2.8.17/space-first"))
    return;
  const struct buffer list[] = {{receive[0], 100, true}, {receive[1], 100, true}, {receive[2], 100, true}};
  queue_expose(driver, queue, list, 3);
}

static void read_speed(struct driver *driver)
{
  if (broken("5.1.4.2/speed-again"))
    return;
  config_read32(driver, SPEED);
  config_read8(driver, DUPLEX);
}

// The next frame that comes, with its header; null when none comes for two seconds. Its length is `*length`.
static const uint8_t *next_frame(struct driver *driver, const struct net_header **header, unsigned *length)
{
  for (unsigned i = 0; i < LOOKS; i++) {
    if (!queue_take(driver, &driver->queue[0])) {
      wait_ms(50);
      continue;
    }
    const uint8_t *buffer = receive[taken++];
    *header = (const struct net_header *)buffer;
    *length = driver->queue[0].length - HEADER;
    return buffer + HEADER;
  }
  return 0;
}

// Takes a frame whose header says more than it means.
static bool receive_frame(struct driver *driver)
{
  const struct net_header *header;
  unsigned length;
  const uint8_t *frame = next_frame(driver, &header, &length);
  if (frame == 0)
    return false;
  if (broken("5.1.9.4.1/unknown-flags") && header->flags & ~KNOWN_FLAGS)
    return false;
  if (broken("5.1.9.4.1/csum-fields") && header->csum_start + header->csum_offset + 2u > length)
    return false;
  if (broken("5.1.9.4.1/hdr-len-untrusted") && header->hdr_len > length)
    return false;
  return length >= ETHERNET + ARP && frame[ETHERNET - 2] == 8 && frame[ETHERNET - 1] == 6;
}

// Answers echo requests whose checksum is right.
static bool answer_requests(struct driver *driver)
{
  while (taken < RECEIVE_BUFFERS) {
    const struct net_header *header;
    unsigned length;
    const uint8_t *frame = next_frame(driver, &header, &length);
    if (frame == 0 || length > MAX_FRAME)
      return false;
    const uint8_t *ip = frame + ETHERNET, *message = ip + IPV4;
    unsigned size = length - ETHERNET - IPV4;
    if (ip[9] != ICMP || message[0] != ECHO_REQUEST)
      continue;
    if (sum(message, size, 0) != 0xFFFF && !broken("5.1.9.4.1/csum-untrusted"))
      continue;
    memset(&packet, 0, sizeof packet);
    uint8_t *answered = packet.frame, *echo = answered + ETHERNET + IPV4;
    memcpy(answered, frame, length);
    memcpy(answered, frame + 6, 6);
    memcpy(answered + 6, mac, 6);
    memcpy(answered + ETHERNET + 12, ip + 16, 4);
    memcpy(answered + ETHERNET + 16, ip + 12, 4);
    echo[0] = 0;
    put16(echo + 2, 0);
    put16(echo + 2, ~sum(echo, size, 0) & 0xFFFF);
    if (!transmit(driver, 0, length))
      return false;
  }
  return true;
}

// Changes a buffer that waits in the receive queue.
static void meddle(struct driver *driver)
{
  ((volatile uint32_t *)driver->queue[0].descriptors)[2] = 77;
}

static bool control(struct driver *driver, unsigned class, unsigned code, const void *data, unsigned length)
{
  command[0] = (uint8_t)class;
  command[1] = (uint8_t)code;
  memcpy(command + 2, data, length);
  const struct buffer buffers[] = {{command, 2 + length, false}, {&answer, 1, true}};
  return queue_request(driver, &driver->queue[driver->features & MQ ? 4 : 2], buffers, 2);
}

// Tells the network where it is, as the device asks for it.
static bool announce(struct driver *driver)
{
  for (unsigned i = 0; i < LOOKS && !(config_read16(driver, 6) & ANNOUNCE); i++)
    wait_ms(50);
  if (!(config_read16(driver, 6) & ANNOUNCE))
    return false;
  memset(&packet, 0, sizeof packet);
  uint8_t *frame = packet.frame;
  memset(frame, 0xFF, 6);
  memcpy(frame + 6, mac, 6);
  put16(frame + 12, 0x0806);
  memcpy(frame + ETHERNET, (const uint8_t[]){0, 1, 8, 0, 6, 4, 0, 1}, 8);
  memcpy(frame + ETHERNET + 8, mac, 6);
  memcpy(frame + ETHERNET + 14, (const uint8_t[]){10, 0, 2, 15}, 4);
  memcpy(frame + ETHERNET + 24, (const uint8_t[]){10, 0, 2, 15}, 4);
  if (!broken("5.1.9.5.4.1/announces") && !transmit(driver, 0, 60))
    return false;
  if (!broken("5.1.9.5.4.1/announce-ack") && !control(driver, 3, 0, 0, 0))
    return false;
  wait_ms(1500);
  return true;
}

static bool use_pairs(struct driver *driver)
{
  if (broken("5.1.9.5.6.1/first-queue") && !send_datagram(driver, 1, 100))
    return false;
  uint16_t pairs = broken("5.1.9.5.6.1/pairs-range") ? 9 : broken("5.1.9.5.6.1/enabled-queues") ? 1 : 2;
  if (!control(driver, 4, 0, &pairs, 2))
    return false;
  return broken("5.1.9.5.6.1/configured-first") || send_datagram(driver, 1, 100);
}

static bool control_commands(struct driver *driver)
{
  uint8_t on = 1;
  uint32_t tables[] = {0, 0};
  uint64_t offloads = broken("5.1.9.5.9.2/offloads") ? GUEST_TSO4 : 0;
  if ((driver->features & CTRL_RX || broken("5.1.9.5.1.2/rx")) && !control(driver, 0, 0, &on, 1))
    return false;
  if ((driver->features & CTRL_RX_EXTRA || broken("5.1.9.5.1.2/rx-extra")) && !control(driver, 0, 2, &on, 1))
    return false;
  bool class = driver->features & CTRL_RX || broken("5.1.9.5.2.2/mac-class");
  if (class && !control(driver, 1, 0, tables, broken("5.1.9.5.2.2/mac-table") ? 6 : 8))
    return false;
  if (driver->features & CTRL_GUEST_OFFLOADS && !control(driver, 5, 0, &offloads, 8))
    return false;
  return true;
}

// Queues in the order in which they are used: the control queue stands behind all pairs.
static void set_up_queues(struct driver *driver)
{
  unsigned pairs = driver->features & MQ ? 2 : 1;
  for (unsigned index = 0; index < 2 * pairs; index++)
    if (index < 2 || !broken("5.1.9.5.6.1/configured-first"))
      driver_queue(driver, index);
  if (driver->features & CTRL_VQ)
    driver_queue(driver, 2 * pairs);
}

bool drive_net(struct driver *driver)
{
  set_up_queues(driver);
  for (unsigned i = 0; i < sizeof mac; i++)
    mac[i] = driver->features & MAC ? config_read8(driver, i) : (const uint8_t[]){2, 0, 0, 0, 0, 1}[i];
  if (broken("5.1.4.2/local-mac"))
    mac[0] = 0;
  if (driver->features & STATUS && !broken("5.1.4.2/link-status"))
    config_read16(driver, 6);
  if (driver->features & SPEED_DUPLEX) {
    uint32_t speed = config_read32(driver, SPEED);
    config_read8(driver, DUPLEX);
    if (broken("5.1.4.2/speed") && speed > MAX_SPEED)
      return false;
  }
  if (broken("5.1.4.2/config-read-only"))
    config_write8(driver, 0, 2);
  driver_ready(driver);
  fill_receive_queue(driver, 0);
  if (driver->features & MQ && !broken("5.1.9.3.1/mq-buffers") && !broken("5.1.9.5.6.1/configured-first"))
    fill_receive_queue(driver, 1);
  if (broken("3.3.1/exposed-unaltered") || broken("2.8.16/no-change-after-avail"))
    meddle(driver);
  if (broken("3.3.1/reset-before-removal"))
    driver_queue_reset(driver, 0);
  for (unsigned i = 0; i < 3; i++)
    if (!send_datagram(driver, 0, broken("5.1.4.2/mtu-send") ? 2000 : 100))
      return false;
  if (task("receive"))
    return receive_frame(driver);
  if (task("answer"))
    return answer_requests(driver);
  if (task("announce"))
    return announce(driver);
  if (task("follow"))
    driver_follow_config(driver, read_speed);
  bool segments = (driver->features & (HOST_TSO4 | HOST_TSO6 | HOST_USO)) != 0 || segment_type() != TCPV4;
  if ((segments || broken("5.1.9.2.1/tso4")) && driver->features & CSUM && !send_segment(driver))
    return false;
  if (driver->features & CTRL_VQ && !control_commands(driver))
    return false;
  if (driver->features & MQ && !use_pairs(driver))
    return false;
  if (broken("5.1.4.2/mtu-buffers") || broken("5.1.9.3.1/mq-buffers"))
    wait_ms(2500);
  return true;
}
