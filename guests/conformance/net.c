// Network devices (virtio 1.4, section 5.1): the first card receives what the second sends. Both are on one segment, and
// nobody else is.
#include "lib/boot.h"
#include "lib/clause.h"
#include "lib/pit.h"
#include "lib/vdev.h"
#include "lib/wait.h"

const char guest_name[] = "net";

#define F_CSUM (1ull << 0)
#define F_MTU (1ull << 3)
#define F_MAC (1ull << 5)
#define F_MRG_RXBUF (1ull << 15)
#define F_STATUS (1ull << 16)
#define F_CTRL_VQ (1ull << 17)
#define F_CTRL_RX (1ull << 18)
#define F_CTRL_VLAN (1ull << 19)
#define F_CTRL_RX_EXTRA (1ull << 20)
#define F_GUEST_ANNOUNCE (1ull << 21)
#define F_MQ (1ull << 22)
#define F_CTRL_MAC_ADDR (1ull << 23)
#define F_SPEED_DUPLEX (1ull << 63)

#define RECEIVE 0
#define TRANSMIT 1
#define CONTROL 2
#define HEADER 12
#define BUFFERS 16
#define BUFFER_BYTES 2048
#define PAYLOAD 100
#define ETHERNET 14
#define IP_HEADER 20
#define UDP_HEADER 8
#define UDP 17
#define DATA 20
#define NEEDS_CSUM 1
#define STATUS_LINK_UP 1
#define STATUS_ANNOUNCE 2

enum { PROMISC, ALLMULTI, ALLUNI, NOMULTI, NOUNI, NOBCAST };

static struct vdev in, out;
static struct vring receive, control, transmit, unused;
static volatile uint8_t buffers[BUFFERS][BUFFER_BYTES];
static uint32_t buffer_bytes;
static volatile uint8_t frame[BUFFER_BYTES];
static uint8_t mac[6];
static const uint8_t broadcast[6] = {0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF};
static const uint8_t multicast[6] = {0x01, 0x00, 0x5E, 0x01, 0x02, 0x03};
static const uint8_t stranger[6] = {0x52, 0x54, 0x00, 0xAA, 0xBB, 0xCC};
static uint8_t sequence;

static void post(unsigned i)
{
  struct vbuf buffer = {buffers[i], buffer_bytes, true};
  vring_add(&receive, &buffer, 1);
}

static uint64_t offered(uint64_t wanted)
{
  return vdev_offered(&in) & wanted;
}

static bool start(uint64_t features, uint32_t bytes)
{
  if (!vdev_begin(&in, F_VERSION_1 | F_MAC | features))
    return false;
  buffer_bytes = bytes;
  vring_open(&receive, &in, RECEIVE, BUFFERS, 0);
  vring_open(&unused, &in, TRANSMIT, 16, 1);
  if (features & F_CTRL_VQ)
    vring_open(&control, &in, CONTROL, 16, 2);
  vdev_driver_ok(&in);
  for (unsigned i = 0; i < BUFFERS; i++)
    post(i);
  vring_kick(&receive);
  return true;
}

static bool start_sender(uint64_t features)
{
  if (!vdev_begin(&out, F_VERSION_1 | F_MAC | features))
    return false;
  vring_open(&transmit, &out, TRANSMIT, 16, 3);
  vdev_driver_ok(&out);
  return true;
}

// A frame of a type of its own (RFC 5342: local experiments), told apart by its number.
static unsigned make(const uint8_t *to, unsigned payload, int vlan)
{
  unsigned at = HEADER;
  for (unsigned i = 0; i < HEADER; i++)
    frame[i] = 0;
  for (unsigned i = 0; i < 6; i++)
    frame[at++] = to[i];
  for (unsigned i = 0; i < 6; i++)
    frame[at++] = (uint8_t)vdev_config(&out, i, 1);
  if (vlan >= 0) {
    frame[at++] = 0x81;
    frame[at++] = 0x00;
    frame[at++] = (uint8_t)(vlan >> 8);
    frame[at++] = (uint8_t)vlan;
  }
  frame[at++] = 0x88;
  frame[at++] = 0xB5;
  frame[at++] = ++sequence;
  for (unsigned i = 1; i < payload; i++)
    frame[at++] = (uint8_t)(i + sequence);
  return at;
}

static void put16(unsigned at, unsigned value)
{
  frame[at] = (uint8_t)(value >> 8);
  frame[at + 1] = (uint8_t)value;
}

// The Internet checksum's sum (RFC 1071) of an even number of bytes.
static uint32_t sum_of(const volatile uint8_t *bytes, unsigned count, uint32_t sum)
{
  for (unsigned i = 0; i < count; i += 2)
    sum += (uint32_t)bytes[i] << 8 | bytes[i + 1];
  while (sum >> 16 != 0)
    sum = (sum & 0xFFFF) + (sum >> 16);
  return sum;
}

static const uint8_t far_end[4] = {10, 0, 0, 1}, near_end[4] = {10, 0, 0, 2};

// A UDP datagram over IPv4 whose checksum covers its pseudo header alone. The identification is our number.
static unsigned make_datagram(const uint8_t *to, const uint8_t *source, const uint8_t *destination, unsigned from_port,
                              unsigned to_port)
{
  make(to, IP_HEADER + UDP_HEADER + DATA, -1);
  unsigned ip = HEADER + ETHERNET, udp = ip + IP_HEADER;
  put16(HEADER + 12, 0x0800);
  for (unsigned i = 0; i < IP_HEADER; i++)
    frame[ip + i] = 0;
  frame[ip] = 0x45;
  put16(ip + 2, IP_HEADER + UDP_HEADER + DATA);
  put16(ip + 4, sequence);
  frame[ip + 8] = 64;
  frame[ip + 9] = UDP;
  for (unsigned i = 0; i < 4; i++) {
    frame[ip + 12 + i] = source[i];
    frame[ip + 16 + i] = destination[i];
  }
  put16(ip + 10, ~sum_of(&frame[ip], IP_HEADER, 0));
  put16(udp, from_port);
  put16(udp + 2, to_port);
  put16(udp + 4, UDP_HEADER + DATA);
  put16(udp + 6, sum_of(&frame[ip + 12], 8, UDP + UDP_HEADER + DATA));
  return udp + UDP_HEADER + DATA;
}

static bool send(unsigned bytes)
{
  struct vbuf buffer = {frame, bytes, false};
  uint32_t length;
  return vring_request(&transmit, &buffer, 1, &length);
}

static struct {
  uint32_t first, length;  // the buffer that it begins in, all bytes
  uint32_t used, together; // how many buffers, and how many were there when the first was seen
  uint8_t flags, gso_type;
  uint16_t num_buffers;
} got;

static bool is_last_sent(const volatile uint8_t *bytes)
{
  unsigned at = HEADER + 12;
  if (bytes[at] == 0x81)
    at += 4;
  if (bytes[at] == 0x88 && bytes[at + 1] == 0xB5)
    return bytes[at + 2] == sequence;
  return bytes[at] == 0x08 && bytes[at + 1] == 0x00 && bytes[at + 2 + 5] == sequence;
}

// Waits for the frame that was sent last; others are given back. False when it does not come.
static bool arrives(void)
{
  for (unsigned round = 0; round < 20; round++) {
    uint32_t id, length;
    while (vring_take(&receive, 1, &id, &length)) {
      unsigned i = id % BUFFERS;
      volatile uint8_t *bytes = buffers[i];
      bool ours = is_last_sent(bytes);
      if (ours) {
        got.first = i;
        got.length = length;
        got.used = got.together = 1;
        got.flags = bytes[0];
        got.gso_type = bytes[1];
        got.num_buffers = (uint16_t)(bytes[10] | bytes[11] << 8);
      }
      // Without the feature there is nothing to follow, whatever an earlier frame has left there.
      bool spread = (in.features & F_MRG_RXBUF) != 0;
      for (unsigned more = 1; ours && spread && more < got.num_buffers; more++) {
        if (vring_take(&receive, 1, &id, &length))
          got.together++;
        else if (!vring_wait(&receive, 1, &id, &length))
          return false;
        got.length += length;
        got.used++;
        post(id % BUFFERS);
      }
      post(i);
      vring_kick(&receive);
      if (ours)
        return true;
    }
    pit_delay(PIT_10_MS / 2);
  }
  return false;
}

static bool passes(const uint8_t *to, int vlan)
{
  send(make(to, PAYLOAD, vlan));
  return arrives();
}

// One command of the control queue; true for VIRTIO_NET_OK.
static bool command(uint8_t kind, uint8_t number, const void *argument, uint32_t bytes)
{
  static volatile uint8_t header[2], answer;
  const struct vbuf pieces[] = {{header, 2, false}, {argument, bytes, false}, {&answer, 1, true}};
  const struct vbuf bare[] = {{header, 2, false}, {&answer, 1, true}};
  uint32_t length;
  header[0] = kind;
  header[1] = number;
  answer = 0xFF;
  return vring_request(&control, bytes > 0 ? pieces : bare, bytes > 0 ? 3 : 2, &length) && answer == 0;
}

static bool mode(uint8_t number, uint8_t on)
{
  static uint8_t argument;
  argument = on;
  return command(0, number, &argument, 1);
}

static void configuration(void)
{
  uint64_t features = vdev_offered(&in);
  clause("virtio/5.1.4.1/rx-extra", (features & F_CTRL_RX_EXTRA) == 0 || (features & F_CTRL_VQ) != 0);
  if (features & F_MQ) {
    uint32_t pairs = vdev_config(&in, 8, 2);
    clause_value("virtio/5.1.4.1/pairs", pairs >= 1 && pairs <= 0x8000, pairs);
  } else {
    clause_skip("virtio/5.1.4.1/pairs", "MQ is not offered");
  }
  if (features & F_MTU) {
    uint32_t mtu = vdev_config(&in, 10, 2);
    clause_value("virtio/5.1.4.1/mtu", mtu >= 68, mtu);
    clause_value("virtio/5.1.4.1/mtu-1280", mtu >= 1280, mtu);
  } else {
    clause_skip("virtio/5.1.4.1/mtu", "MTU is not offered");
  }
  if ((features & F_SPEED_DUPLEX) && start(F_SPEED_DUPLEX | F_STATUS, BUFFER_BYTES)) {
    uint32_t speed = vdev_config(&in, 12, 4), duplex = vdev_config(&in, 16, 1);
    clause_value("virtio/5.1.4.1/speed", speed <= 0x7FFFFFFF || speed == 0xFFFFFFFF, speed);
    clause_value("virtio/5.1.4.1/duplex", duplex <= 1 || duplex == 0xFF, duplex);
    settle();
    clause("virtio/5.1.4.1/speed-constant", vdev_config(&in, 12, 4) == speed && vdev_config(&in, 16, 1) == duplex);
  } else {
    clause_skip("virtio/5.1.4.1/speed", "SPEED_DUPLEX is not offered");
  }
}

static void plain(void)
{
  start(0, BUFFER_BYTES);
  bool there = passes(mac, -1);
  clause_value("virtio/5.1.9.4.1/num-buffers-1", there && got.num_buffers == 1, got.num_buffers);
  clause_value("virtio/5.1.9.3.2/num-buffers", there && got.num_buffers == 1, got.num_buffers);
  clause_value("virtio/5.1.9.3.2/one-buffer", there && got.length == HEADER + 14 + PAYLOAD, got.length);
  clause_value("virtio/5.1.9.4.1/no-guest-csum", there && got.flags == 0, got.flags);
  clause_value("virtio/5.1.9.4.1/no-rsc", there && (got.flags & 4) == 0, got.flags);
  clause_value("virtio/5.1.9.4.1/gso-none", there && got.gso_type == 0, got.gso_type);
  clause_value("virtio/5.1.9.4.1/tso4", there && got.gso_type != 1, got.gso_type);
  clause_value("virtio/5.1.9.4.1/ufo", there && got.gso_type != 3, got.gso_type);
  clause_value("virtio/5.1.9.4.1/tso6", there && got.gso_type != 4, got.gso_type);
  clause_value("virtio/5.1.9.4.1/uso", there && got.gso_type != 5, got.gso_type);
  clause_value("virtio/5.1.9.4.1/tunnel", there && (got.gso_type & 0x60) == 0, got.gso_type);
  clause("virtio/5.1.9.5.3.1/accepts-all", passes(mac, 5));
  // The largest packet of Ethernet, in one piece.
  send(make(mac, 1500, -1));
  clause_value("virtio/5.1.4.1/mtu-sent", arrives() && got.length == HEADER + 14 + 1500, got.length);
}

static void header_fields(void)
{
  start(0, BUFFER_BYTES);
  unsigned bytes = make(mac, PAYLOAD, -1);
  frame[0] = 0xF0; // flags of no specification that the device knows
  send(bytes);
  clause("virtio/5.1.9.2.2/unknown-flags", arrives());
  bytes = make(mac, PAYLOAD, -1);
  frame[6] = frame[7] = frame[8] = frame[9] = 0xFF;
  send(bytes);
  bool there = arrives();
  bool same = true;
  for (unsigned i = 1; i < PAYLOAD; i++)
    same = same && buffers[got.first][HEADER + 14 + i] == (uint8_t)(i + sequence);
  clause("virtio/5.1.9.2.2/csum-fields", there && same);
  bytes = make(mac, PAYLOAD, -1);
  frame[2] = frame[3] = 0xFF;
  send(bytes);
  clause("virtio/5.1.9.2.2/hdr-len", arrives());
}

// What the sender left to be done is done on the way: nobody has told the driver of it.
static void checksums(void)
{
  if ((vdev_offered(&out) & F_CSUM) == 0) {
    clause_skip("virtio/5.1.9.4.1/full-csum", "CSUM is not offered");
    return;
  }
  start(0, BUFFER_BYTES);
  start_sender(F_CSUM);
  unsigned bytes = make_datagram(mac, far_end, near_end, 1000, 2000);
  frame[0] = NEEDS_CSUM;
  frame[6] = ETHERNET + IP_HEADER;
  frame[8] = 6;
  send(bytes);
  bool there = arrives();
  const volatile uint8_t *ip = buffers[got.first] + HEADER + ETHERNET;
  uint32_t sum = sum_of(ip + 12, 8 + UDP_HEADER + DATA, UDP + UDP_HEADER + DATA);
  clause_value("virtio/5.1.9.4.1/full-csum", there && got.flags == 0 && sum == 0xFFFF, sum);
  start_sender(0);
}

static void merged(void)
{
  if (!offered(F_MRG_RXBUF)) {
    clause_skip("virtio/5.1.9.4.1/num-buffers", "MRG_RXBUF is not offered");
    return;
  }
  start(F_MRG_RXBUF, 64);
  send(make(mac, 300, -1));
  bool there = arrives();
  uint32_t bytes = HEADER + 14 + 300, wanted = (bytes + 63) / 64;
  clause_value("virtio/5.1.9.4.1/num-buffers", there && got.num_buffers == wanted, got.num_buffers);
  clause_value("virtio/5.1.9.4.1/fills-buffers", there && got.length == bytes && got.used == wanted, got.length);
  clause_value("virtio/5.1.9.4.1/together", there && got.together == wanted, got.together);
}

static void modes(void)
{
  uint64_t extra = offered(F_CTRL_RX_EXTRA);
  if (!offered(F_CTRL_RX)) {
    clause_skip("virtio/5.1.9.5.1.1/rx", "CTRL_RX is not offered");
    return;
  }
  start(F_CTRL_VQ | F_CTRL_RX | extra, BUFFER_BYTES);
  bool known = mode(PROMISC, 1) && mode(ALLMULTI, 1) && mode(ALLMULTI, 0);
  clause("virtio/5.1.9.5.1.1/rx", known);
  clause("virtio/5.1.9.5.1.1/promisc", passes(stranger, -1) && passes(multicast, -1));
  mode(PROMISC, 0);
  clause("virtio/5.1.9.5.2.1/empty-table", !passes(stranger, -1) && !passes(multicast, -1));
  clause("virtio/5.1.9.5.2.1/drops-others", !passes(stranger, -1) && passes(mac, -1));
  mode(ALLMULTI, 1);
  clause("virtio/5.1.9.5.1.1/allmulti", passes(multicast, -1));
  mode(ALLMULTI, 0);
  static const struct {
    uint32_t unicasts;
    uint8_t unicast[6];
    uint32_t multicasts;
    uint8_t multicast[6];
  } __attribute__((packed)) table = {1, {0x52, 0x54, 0x00, 0xAA, 0xBB, 0xCC}, 1, {0x01, 0x00, 0x5E, 0x01, 0x02, 0x03}};
  bool set = command(1, 0, &table, sizeof table);
  clause("virtio/5.1.9.5.2.1/table-first", set && passes(stranger, -1) && passes(multicast, -1));
  if (!extra) {
    clause_skip("virtio/5.1.9.5.1.1/rx-extra", "CTRL_RX_EXTRA is not offered");
    return;
  }
  static const uint32_t empty[2] = {0, 0};
  command(1, 0, empty, sizeof empty);
  clause("virtio/5.1.9.5.1.1/rx-extra", mode(ALLUNI, 1) && mode(NOMULTI, 0) && mode(NOUNI, 0) && mode(NOBCAST, 0));
  clause("virtio/5.1.9.5.1.1/alluni", passes(stranger, -1));
  mode(NOUNI, 1);
  clause("virtio/5.1.9.5.1.1/nouni", !passes(mac, -1));
  clause("virtio/5.1.9.5.1.1/nouni-first", !passes(stranger, -1));
  mode(NOUNI, 0);
  mode(ALLMULTI, 1);
  mode(NOMULTI, 1);
  clause("virtio/5.1.9.5.1.1/nomulti", !passes(multicast, -1));
  clause("virtio/5.1.9.5.1.1/nomulti-first", !passes(multicast, -1));
  clause("virtio/5.1.9.5.1.1/nomulti-broadcast", passes(broadcast, -1));
  mode(NOBCAST, 1);
  clause("virtio/5.1.9.5.1.1/nobcast", !passes(broadcast, -1));
  clause("virtio/5.1.9.5.1.1/nobcast-first", !passes(broadcast, -1));
  mode(PROMISC, 1);
  clause("virtio/5.1.9.5.1.1/promisc-first", passes(mac, -1) && passes(multicast, -1) && passes(broadcast, -1));
}

static void vlans(void)
{
  static uint16_t vlan;
  if (!offered(F_CTRL_VLAN)) {
    clause_skip("virtio/5.1.9.5.3.1/accepts-known", "CTRL_VLAN is not offered");
    return;
  }
  start(F_CTRL_VQ | F_CTRL_RX | F_CTRL_VLAN, BUFFER_BYTES);
  mode(PROMISC, 0);
  vlan = 5;
  bool added = command(2, 0, &vlan, sizeof vlan);
  clause("virtio/5.1.9.5.3.1/accepts-known", added && passes(mac, 5));
  clause("virtio/5.1.9.5.3.1/drops-unknown", !passes(mac, 6));
}

static void address(void)
{
  static const uint8_t other[6] = {0x52, 0x54, 0x00, 0x01, 0x02, 0x03};
  if (!offered(F_CTRL_MAC_ADDR)) {
    clause_skip("virtio/5.1.9.5.2.1/mac-first", "CTRL_MAC_ADDR is not offered");
    return;
  }
  start(F_CTRL_VQ | F_CTRL_RX | F_CTRL_MAC_ADDR, BUFFER_BYTES);
  mode(PROMISC, 0);
  bool same = command(1, 1, other, sizeof other);
  for (unsigned i = 0; i < 6; i++)
    same = same && vdev_config(&in, i, 1) == other[i];
  clause("virtio/5.1.9.5.2.1/mac-first", same && passes(other, -1));
}

static void pairs(void)
{
  if (!offered(F_MQ)) {
    clause_skip("virtio/5.1.9.5.6.2/first-queue", "MQ is not offered");
    return;
  }
  // Receive queues 0 and 2 both have buffers: what comes is in the first.
  static struct vring second;
  vdev_begin(&in, F_VERSION_1 | F_MAC | F_MQ | F_CTRL_VQ);
  buffer_bytes = BUFFER_BYTES;
  vring_open(&receive, &in, 0, BUFFERS, 0);
  vring_open(&unused, &in, 1, 16, 1);
  vring_open(&second, &in, 2, 16, 4);
  vdev_driver_ok(&in);
  for (unsigned i = 0; i < BUFFERS; i++)
    post(i);
  static volatile uint8_t spare[BUFFER_BYTES];
  struct vbuf buffer = {spare, sizeof spare, true};
  vring_add(&second, &buffer, 1);
  vring_kick(&second);
  vring_kick(&receive);
  bool first = true;
  for (unsigned i = 0; i < 4; i++)
    first = passes(mac, -1) && first;
  clause("virtio/5.1.9.5.6.2/first-queue", first && vring_used(&second)[1] == 0);
  clause("virtio/5.1.9.5.6.2/pairs", vring_used(&second)[1] == 0);
}

// The number of buffers that each receive queue has given back.
static uint16_t used_of(struct vring *ring)
{
  return vring_used(ring)[1];
}

static struct vring further;
static uint16_t wanted_use;

static bool further_has_come(void)
{
  return used_of(&further) == wanted_use;
}

// Receives a datagram of a flow; the pair that it came by, or −1.
static int comes_by(unsigned port)
{
  uint16_t before = used_of(&further);
  wanted_use = (uint16_t)(before + 1);
  send(make_datagram(mac, far_end, near_end, 53, port));
  if (arrives())
    return used_of(&further) == before ? 0 : -1;
  return further_has_come() ? 1 : -1;
}

static void steering(void)
{
  static volatile uint8_t spare[BUFFERS][BUFFER_BYTES];
  static struct vring further_transmit;
  static uint16_t pairs;
  if (!offered(F_MQ) || !offered(F_CTRL_VQ)) {
    clause_skip("virtio/5.1.9.5.6/steers", "MQ is not offered");
    clause_skip("virtio/5.1.9.5.6/steers-back", "MQ is not offered");
    return;
  }
  vdev_begin(&in, F_VERSION_1 | F_MAC | F_MQ | F_CTRL_VQ);
  buffer_bytes = BUFFER_BYTES;
  vring_open(&receive, &in, 0, BUFFERS, 0);
  vring_open(&unused, &in, 1, 16, 1);
  vring_open(&further, &in, 2, BUFFERS, 4);
  vring_open(&further_transmit, &in, 3, 16, 5);
  vring_open(&control, &in, (uint16_t)(2 * vdev_config(&in, 8, 2)), 16, 2);
  vdev_driver_ok(&in);
  for (unsigned i = 0; i < BUFFERS; i++) {
    struct vbuf buffer = {spare[i], BUFFER_BYTES, true};
    vring_add(&further, &buffer, 1);
    post(i);
  }
  vring_kick(&further);
  vring_kick(&receive);
  pairs = 2;
  command(4, 0, &pairs, sizeof pairs);
  bool same = true, back = true;
  for (unsigned flow = 0; flow < 4; flow++) {
    struct vring *ring = flow % 2 == 0 ? &unused : &further_transmit;
    uint32_t length;
    struct vbuf buffer = {frame, make_datagram(broadcast, near_end, far_end, 7000 + flow, 53), false};
    vring_request(ring, &buffer, 1, &length);
    int first = comes_by(7000 + flow);
    same = same && first >= 0 && comes_by(7000 + flow) == first;
    back = back && first == (int)(flow % 2);
  }
  clause("virtio/5.1.9.5.6/steers", same);
  clause("virtio/5.1.9.5.6/steers-back", back);
}

static bool is_down(void)
{
  return (vdev_config(&in, 6, 2) & STATUS_LINK_UP) == 0;
}

static bool is_to_announce(void)
{
  return (vdev_config(&in, 6, 2) & STATUS_ANNOUNCE) != 0;
}

// The cable is pulled out and put in again: the card may be somewhere else then.
static void announcing(void)
{
  if (!offered(F_GUEST_ANNOUNCE)) {
    clause_skip("virtio/5.1.9.5.4.2/announce", "GUEST_ANNOUNCE is not offered");
    return;
  }
  start(F_CTRL_VQ | F_STATUS | F_GUEST_ANNOUNCE, BUFFER_BYTES);
  if (!clause_ask("link-down", is_down) || !clause_ask("link-up", is_to_announce)) {
    clause_skip("virtio/5.1.9.5.4.2/announce", "nobody has pulled out the cable");
    return;
  }
  bool done = command(3, 0, 0, 0);
  clause("virtio/5.1.9.5.4.2/announce", done && !is_to_announce());
}

static void constants(uint32_t mtu)
{
  if (offered(F_MTU))
    clause_value("virtio/5.1.4.1/mtu-constant", vdev_config(&in, 10, 2) == mtu, mtu);
  else
    clause_skip("virtio/5.1.4.1/mtu-constant", "MTU is not offered");
}

void kmain(const struct boot_info *boot)
{
  (void)boot;
  clauses_begin();
  if (vdev_find(&in, VDEV_NET, 0, VDEV_MODERN) && vdev_find(&out, VDEV_NET, 1, VDEV_MODERN) && start_sender(0)) {
    for (unsigned i = 0; i < 6; i++)
      mac[i] = (uint8_t)vdev_config(&in, i, 1);
    uint32_t mtu = vdev_config(&in, 10, 2);
    configuration();
    plain();
    header_fields();
    checksums();
    merged();
    modes();
    vlans();
    address();
    pairs();
    steering();
    announcing();
    constants(mtu);
  }
  clauses_end();
}
