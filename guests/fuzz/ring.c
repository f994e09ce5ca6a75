#include "fuzz/ring.h"

#include "fuzz/random.h"
#include "fuzz/steps.h"
#include "lib/strings.h"
#include "lib/vdev.h"

#define PAGE 4096u
#define RING_BYTES (4 * PAGE)
#define PLACES (ARENA + 0x400000u)
#define PLACE_BYTES 0x100000u
#define TABLES 0x1800000u
#define TABLE_BYTES PAGE
#define BUFFERS 0x1900000u
#define BUFFER_SLOTS 64
#define BUFFER_BYTES PAGE
#define MAX_PIECES 48

#define NEXT 1
#define WRITE 2
#define INDIRECT 4
#define PACKED_AVAIL 0x80
#define PACKED_USED 0x8000

// What is wrong with a chain; most of the time nothing.
enum flaw {
  NONE,
  LOOP,
  BEYOND,
  WRAPS,
  DEVICE_MEMORY,
  HUGE,
  EMPTY,
  REVERSED,
  BAD_NEXT,
  BAD_HEAD,
  NESTED,
  INDIRECT_AND_NEXT,
  ODD_TABLE,
  MANY,
  FLAWS,
};

struct piece {
  uint64_t address;
  uint32_t length;
  bool writable;
};

static struct piece pieces[MAX_PIECES];
static unsigned pieces_count;

void ring_init(struct ring *ring, unsigned place, uint16_t size, bool packed, bool legacy)
{
  uint64_t base = ARENA + (uint64_t)place * RING_BYTES;
  uint64_t driver = base + 16u * size;
  *ring = (struct ring){.size = size == 0 ? 1 : size, .packed = packed, .turn = PACKED_AVAIL};
  ring->areas[0] = base;
  ring->areas[1] = legacy ? driver : base + PAGE;
  ring->areas[2] = legacy ? (driver + 6 + 2u * size + PAGE - 1) & ~(uint64_t)(PAGE - 1) : base + 2 * PAGE;
  memset((void *)(uintptr_t)base, 0, RING_BYTES);
}

static volatile uint8_t *piece(uint32_t length, bool writable)
{
  uint32_t slot = random_below(BUFFER_SLOTS);
  uint64_t address = BUFFERS + slot * BUFFER_BYTES + random_below(8);
  pieces[pieces_count++] = (struct piece){address, length, writable};
  return (volatile uint8_t *)(uintptr_t)address;
}

static void put32(volatile uint8_t *at, uint32_t value)
{
  *(volatile uint32_t *)at = value;
}

static const uint16_t lengths[] = {0, 1, 7, 8, 12, 14, 20, 60, 511, 512, 513, 590, 1024, 1514, 4000};

static void block_request(void)
{
  static const uint32_t types[] = {0, 0, 0, 1, 1, 1, 4, 8, 11, 13, 2, 5, 0x80000000, 0xFFFFFFFF};
  uint32_t type = RANDOM_OF(types), length = RANDOM_OF(lengths);
  volatile uint8_t *header = piece(16, false);
  put32(header, type);
  put32(header + 4, 0);
  put32(header + 8, one_in(4) ? random_value() : random_below(64));
  put32(header + 12, one_in(16) ? random_value() : 0);
  if (type == 11 || type == 13) {
    uint32_t ranges = random_below(34);
    volatile uint8_t *at = piece(16 * ranges + (one_in(16) ? 3 : 0), false);
    for (uint32_t i = 0; i < ranges; i++) {
      put32(at + 16 * i, random_below(80));
      put32(at + 16 * i + 4, 0);
      put32(at + 16 * i + 8, random_below(80));
      put32(at + 16 * i + 12, one_in(8) ? random_value() : random_below(2));
    }
  } else if (type == 1) {
    piece(length, false);
  } else {
    for (uint32_t i = random_below(3); i > 0; i--)
      piece(length, true);
  }
  if (!one_in(8))
    piece(1, true);
}

static void net_request(unsigned queue)
{
  static const uint8_t types[] = {0, 0, 1, 4, 5, 0x81, 3, 0xFF};
  static const uint8_t commands[][2] = {{0, 0}, {0, 1}, {0, 5}, {1, 0}, {1, 1}, {2, 0}, {3, 0}, {4, 0}, {5, 0}, {6, 0}, {255, 255}};
  uint32_t length = RANDOM_OF(lengths);
  // Without the feature of several pairs the control queue is the third.
  if (queue == 4 || (queue == 2 && one_in(3))) {
    const uint8_t *command = RANDOM_OF(commands);
    volatile uint8_t *at = piece(2 + random_below(24), false);
    at[0] = command[0];
    at[1] = command[1];
    put32(at + 2, one_in(2) ? random_below(4) : random_value());
    if (!one_in(8))
      piece(1, true);
  } else if (queue % 2 == 0) {
    piece(length, true);
  } else {
    volatile uint8_t *header = piece(one_in(8) ? 10 : 12, false);
    header[0] = (uint8_t)random_below(4);
    header[1] = RANDOM_OF(types);
    put32(header + 2, one_in(2) ? 54 : random_value());
    put32(header + 6, one_in(2) ? 34 | 16 << 16 : random_value());
    put32(header + 10, 0);
    volatile uint8_t *frame = piece(length, false);
    put32(frame + 12, one_in(2) ? 0x00450008 : 0x0060DD86);
    frame[23] = one_in(2) ? 6 : 17;
  }
}

static void console_request(unsigned queue)
{
  uint32_t length = RANDOM_OF(lengths);
  if (queue % 2 == 0) {
    piece(length, true);
  } else if (queue == 3) {
    volatile uint8_t *message = piece(one_in(4) ? random_below(12) : 8, false);
    put32(message, one_in(4) ? random_value() : random_below(4));
    put32(message + 4, random_below(9) | random_below(2) << 16);
  } else {
    // What a console says is seen: blanks.
    volatile uint8_t *text = piece(length, false);
    for (uint32_t i = 0; i < length; i++)
      text[i] = ' ';
  }
}

static void spoil(enum flaw flaw)
{
  static const uint32_t devices[] = {0xFEE00000, 0xFEC00000, 0xE0010000, 0xFEB00000, 0xC0000000};
  static const uint32_t huge[] = {0xFFFFFFFF, 0x80000000, 0x100000};
  struct piece *at = &pieces[random_below(pieces_count)];
  switch (flaw) {
  case BEYOND:
    at->address = ARENA_END + 0x100000000ull - random_below(256);
    break;
  case WRAPS:
    at->address = 0ull - PAGE;
    break;
  case DEVICE_MEMORY:
    at->address = RANDOM_OF(devices);
    break;
  case HUGE:
    at->length = RANDOM_OF(huge);
    break;
  case EMPTY:
    at->length = 0;
    break;
  case REVERSED:
    for (unsigned i = 0; i < pieces_count / 2; i++) {
      struct piece other = pieces[i];
      pieces[i] = pieces[pieces_count - 1 - i];
      pieces[pieces_count - 1 - i] = other;
    }
    break;
  case MANY:
    while (pieces_count < 40) {
      pieces[pieces_count] = pieces[pieces_count - 1];
      pieces_count++;
    }
    break;
  default:
    break;
  }
}

static void descriptor(uint64_t at, struct piece piece, uint16_t word12, uint16_t word14)
{
  *(volatile uint64_t *)(uintptr_t)at = piece.address;
  *(volatile uint32_t *)(uintptr_t)(at + 8) = piece.length;
  *(volatile uint16_t *)(uintptr_t)(at + 12) = word12;
  *(volatile uint16_t *)(uintptr_t)(at + 14) = word14;
}

static void advance(struct ring *ring)
{
  if (++ring->slot < ring->size)
    return;
  ring->slot = 0;
  ring->turn ^= PACKED_AVAIL | PACKED_USED;
}

static uint64_t make_table(const struct ring *ring, enum flaw flaw, uint32_t *length)
{
  uint64_t table = TABLES + random_below(16) * TABLE_BYTES;
  for (unsigned i = 0; i < pieces_count; i++) {
    bool last = i + 1 == pieces_count;
    uint16_t flags = pieces[i].writable ? WRITE : 0;
    if (flaw == NESTED && last)
      flags |= INDIRECT;
    if (ring->packed) {
      descriptor(table + 16 * i, pieces[i], 0, flags);
      continue;
    }
    uint16_t next = last ? flaw == LOOP ? 0 : (uint16_t)pieces_count : (uint16_t)(i + 1);
    if (!last || flaw == LOOP || flaw == BAD_NEXT)
      flags |= NEXT;
    descriptor(table + 16 * i, pieces[i], flags, next);
  }
  *length = 16 * pieces_count + (flaw == ODD_TABLE ? 1 : 0);
  return table;
}

static void add_packed(struct ring *ring, bool indirect, enum flaw flaw)
{
  uint16_t id = flaw == BAD_HEAD ? (uint16_t)random32() : ring->slot;
  struct piece table = {0};
  if (indirect) {
    table.address = make_table(ring, flaw, &table.length);
    uint16_t flags = INDIRECT | (flaw == INDIRECT_AND_NEXT ? NEXT : 0);
    descriptor(ring->areas[0] + 16u * ring->slot, table, id, flags | ring->turn);
    advance(ring);
    return;
  }
  for (unsigned i = 0; i < pieces_count; i++) {
    uint16_t flags = (pieces[i].writable ? WRITE : 0) | (i + 1 < pieces_count || flaw == LOOP ? NEXT : 0);
    descriptor(ring->areas[0] + 16u * ring->slot, pieces[i], id, flags | ring->turn);
    advance(ring);
  }
}

static void publish(struct ring *ring, uint16_t head)
{
  volatile uint16_t *driver = (volatile uint16_t *)(uintptr_t)ring->areas[1];
  driver[2 + ring->available % ring->size] = head;
  driver[1] = ++ring->available;
}

static void add_split(struct ring *ring, bool indirect, enum flaw flaw)
{
  uint16_t first = ring->next % ring->size;
  struct piece table = {0};
  if (indirect) {
    table.address = make_table(ring, flaw, &table.length);
    uint16_t flags = INDIRECT | (flaw == INDIRECT_AND_NEXT ? NEXT : 0);
    descriptor(ring->areas[0] + 16u * first, table, flags, first);
    ring->next++;
  } else {
    for (unsigned i = 0; i < pieces_count; i++) {
      bool last = i + 1 == pieces_count;
      uint16_t next = (uint16_t)((first + i + 1) % ring->size);
      if (last && flaw == LOOP)
        next = first;
      if (last && flaw == BAD_NEXT)
        next = (uint16_t)(ring->size + random_below(256));
      uint16_t flags = (pieces[i].writable ? WRITE : 0) | (!last || flaw == LOOP || flaw == BAD_NEXT ? NEXT : 0);
      descriptor(ring->areas[0] + 16u * ((first + i) % ring->size), pieces[i], flags, next);
    }
    ring->next = (uint16_t)(ring->next + pieces_count);
  }
  publish(ring, flaw == BAD_HEAD ? (uint16_t)(ring->size + random_below(0x8000)) : first);
}

unsigned ring_add(struct ring *ring, unsigned type, unsigned queue)
{
  enum flaw flaw = one_in(4) ? random_below(FLAWS) : NONE;
  bool indirect = one_in(2);
  pieces_count = 0;
  switch (type) {
  case VDEV_NET:
    net_request(queue);
    break;
  case VDEV_BLOCK:
    block_request();
    break;
  case VDEV_CONSOLE:
    console_request(queue);
    break;
  default:
    piece(RANDOM_OF(lengths), true);
  }
  spoil(flaw);
  __asm__ volatile("mfence" : : : "memory");
  if (ring->packed)
    add_packed(ring, indirect, flaw);
  else
    add_split(ring, indirect, flaw);
  __asm__ volatile("mfence" : : : "memory");
  return pieces_count + 2;
}

// Whatever is written, no descriptor leads to the guest itself: of addresses only the upper half changes.
void ring_disturb(struct ring *ring)
{
  volatile uint16_t *driver = (volatile uint16_t *)(uintptr_t)ring->areas[1];
  volatile uint16_t *device = (volatile uint16_t *)(uintptr_t)ring->areas[2];
  uint32_t value = one_in(2) ? random_value() : random_below(32);
  uintptr_t entry = ring->areas[0] + 16u * random_below(ring->size);
  switch (random_below(7)) {
  case 0:
    driver[1] = (uint16_t)value;
    break;
  case 1:
    driver[0] = (uint16_t)value;
    break;
  case 2:
    driver[2 + random_below(ring->size + 1u)] = (uint16_t)value;
    break;
  case 3:
    device[random_below(4u * ring->size + 3)] = (uint16_t)value;
    break;
  case 4:
    *(volatile uint32_t *)(entry + 4) = value;
    break;
  case 5:
    *(volatile uint32_t *)(entry + 8) = value % 0x100000;
    break;
  default:
    *(volatile uint16_t *)(entry + (one_in(2) ? 12 : 14)) = (uint16_t)value;
  }
}

uint64_t ring_place(unsigned part)
{
  static const uint64_t nowhere[] = {0xC0000000u, 0xFEE00000u, 0xFEC00000u, 0xFFFFFFF0u, 1ull << 32, 1ull << 52, ~15ull};
  uint32_t offset = random_value();
  if (one_in(4))
    return RANDOM_OF(nowhere);
  // Each part has memory of its own: what a device says in one must not be an address in another.
  return PLACES + part * PLACE_BYTES + offset % (PLACE_BYTES - RING_BYTES);
}
