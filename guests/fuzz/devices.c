#include "fuzz/access.h"
#include "fuzz/random.h"
#include "fuzz/ring.h"
#include "fuzz/steps.h"
#include "lib/pci.h"
#include "lib/vdev.h"

#define MAX_WAYS 24
#define MAX_TYPE 4
#define MAX_NTH 4
#define COMMON_BYTES 0x40
#define MMIO_BYTES 0x100
#define LEGACY_BYTES 0x18
#define CONFIG_BYTES 80

// One way to one device: a function may be reached by two.
struct way {
  struct vdev dev;
  unsigned queues;
  unsigned config_bytes; // of its configuration: behind that of a legacy function may be the registers of another
  uint16_t sizes[RINGS_A_DEVICE];
  struct ring rings[RINGS_A_DEVICE];
  bool started;
};

static struct way ways[MAX_WAYS];
static unsigned count;

// Registers by which the driver tells where a queue lies: they are written with what the guest can stand alone.
struct span {
  unsigned start, end;
};

static bool is_legacy(const struct way *way)
{
  return way->dev.way == VDEV_LEGACY || way->dev.way == VDEV_MMIO_LEGACY;
}

static bool is_mmio(const struct way *way)
{
  return way->dev.way == VDEV_MMIO || way->dev.way == VDEV_MMIO_LEGACY;
}

static struct span addresses_of(const struct way *way)
{
  switch (way->dev.way) {
  case VDEV_MODERN:
    return (struct span){COMMON_QUEUE_DESC, COMMON_QUEUE_DEVICE + 8};
  case VDEV_LEGACY:
    return (struct span){LEGACY_QUEUE_ADDRESS, LEGACY_QUEUE_ADDRESS + 4};
  case VDEV_MMIO:
    return (struct span){MMIO_QUEUE_DESC, MMIO_QUEUE_DEVICE + 8};
  default:
    return (struct span){MMIO_QUEUE_SIZE, MMIO_LEGACY_QUEUE_PFN + 4};
  }
}

static void write_register(struct way *way, unsigned offset, unsigned size, uint32_t value)
{
  if (way->dev.way == VDEV_LEGACY)
    port_write((uint16_t)(way->dev.base + offset), size, value);
  else
    memory_write((is_mmio(way) ? way->dev.base : way->dev.common) + offset, size, value);
}

static uint32_t read_register(struct way *way, unsigned offset, unsigned size)
{
  if (way->dev.way == VDEV_LEGACY)
    return port_read((uint16_t)(way->dev.base + offset), size);
  return memory_read((is_mmio(way) ? way->dev.base : way->dev.common) + offset, size);
}

static void write_status(struct way *way, uint8_t status)
{
  static const uint8_t offsets[] = {
    [VDEV_MODERN] = COMMON_STATUS, [VDEV_LEGACY] = LEGACY_STATUS, [VDEV_MMIO] = MMIO_STATUS, [VDEV_MMIO_LEGACY] = MMIO_STATUS};
  write_register(way, offsets[way->dev.way], is_mmio(way) ? 4 : 1, status);
}

static void select_queue(struct way *way, unsigned index)
{
  static const uint8_t offsets[] = {[VDEV_MODERN] = COMMON_QUEUE_SELECT,
                                    [VDEV_LEGACY] = LEGACY_QUEUE_SELECT,
                                    [VDEV_MMIO] = MMIO_QUEUE_SEL,
                                    [VDEV_MMIO_LEGACY] = MMIO_QUEUE_SEL};
  write_register(way, offsets[way->dev.way], is_mmio(way) ? 4 : 2, index);
}

static void write_wide(struct way *way, unsigned offset, uint64_t value)
{
  write_register(way, offset, 4, (uint32_t)value);
  write_register(way, offset + 4, 4, (uint32_t)(value >> 32));
}

static void write_features(struct way *way, uint64_t features)
{
  if (way->dev.way == VDEV_LEGACY) {
    write_register(way, LEGACY_DRIVER_FEATURES, 4, (uint32_t)features);
    return;
  }
  for (unsigned word = 0; word < 2; word++) {
    bool modern = way->dev.way == VDEV_MODERN;
    write_register(way, modern ? COMMON_DRIVER_FEATURE_SELECT : MMIO_DRIVER_FEATURES_SEL, 4, word);
    write_register(way, modern ? COMMON_DRIVER_FEATURE : MMIO_DRIVER_FEATURES, 4, (uint32_t)(features >> 32 * word));
  }
}

static void set_queue(struct way *way, unsigned index, uint32_t size, const uint64_t areas[3], uint16_t vector)
{
  select_queue(way, index);
  switch (way->dev.way) {
  case VDEV_MODERN:
    write_register(way, COMMON_QUEUE_SIZE, 2, size);
    for (unsigned i = 0; i < 3; i++)
      write_wide(way, COMMON_QUEUE_DESC + 8 * i, areas[i]);
    write_register(way, COMMON_QUEUE_VECTOR, 2, vector);
    write_register(way, COMMON_QUEUE_ENABLE, 2, 1);
    break;
  case VDEV_LEGACY:
    write_register(way, LEGACY_QUEUE_ADDRESS, 4, (uint32_t)(areas[0] / 4096));
    write_register(way, LEGACY_QUEUE_VECTOR, 2, vector);
    break;
  case VDEV_MMIO:
    write_register(way, MMIO_QUEUE_SIZE, 4, size);
    for (unsigned i = 0; i < 3; i++)
      write_wide(way, MMIO_QUEUE_DESC + 16 * i, areas[i]);
    write_register(way, MMIO_QUEUE_READY, 4, 1);
    break;
  default:
    write_register(way, MMIO_LEGACY_GUEST_PAGE_SIZE, 4, 4096);
    write_register(way, MMIO_QUEUE_SIZE, 4, size);
    write_register(way, MMIO_LEGACY_QUEUE_ALIGN, 4, 4096);
    write_register(way, MMIO_LEGACY_QUEUE_PFN, 4, (uint32_t)(areas[0] / 4096));
  }
}

static void notify(struct way *way, unsigned index, uint32_t value)
{
  if (way->dev.way == VDEV_MODERN)
    memory_write(way->dev.notify + (index * way->dev.multiplier) % way->dev.notify_length, one_in(4) ? 4 : 2, value);
  else
    write_register(way, is_mmio(way) ? MMIO_QUEUE_NOTIFY : LEGACY_QUEUE_NOTIFY, is_mmio(way) ? 4 : 2, index);
}

unsigned find_devices(void)
{
  static const enum vdev_way order[] = {VDEV_MODERN, VDEV_LEGACY, VDEV_MMIO, VDEV_MMIO_LEGACY};
  for (unsigned i = 0; i < 4; i++) {
    for (unsigned type = VDEV_NET; type <= MAX_TYPE; type++) {
      for (unsigned nth = 0; nth < MAX_NTH && count < MAX_WAYS; nth++) {
        struct way *way = &ways[count];
        if (!vdev_find(&way->dev, type, nth, order[i]))
          break;
        while (way->queues < RINGS_A_DEVICE) {
          way->sizes[way->queues] = vdev_queue_size(&way->dev, (uint16_t)way->queues);
          if (way->sizes[way->queues] == 0)
            break;
          way->queues++;
        }
        way->dev.features = vdev_offered(&way->dev);
        way->config_bytes = CONFIG_BYTES;
        if (order[i] == VDEV_LEGACY)
          way->config_bytes = (unsigned)pci_bar_size(way->dev.slot, 0) - LEGACY_CONFIG;
        count++;
      }
    }
  }
  return count;
}

static struct way *any_way(void)
{
  return &ways[random_below(count)];
}

void step_start(void)
{
  if (count == 0)
    return;
  struct way *way = any_way();
  uint64_t features = way->dev.features;
  uint32_t shape = random32();
  if (shape & 1)
    features &= (uint64_t)random32() << 32 | random32() | F_VERSION_1;
  if (shape & 2)
    features &= ~F_RING_PACKED;
  if ((shape & 0x1C) == 0)
    features |= random_value();
  bool packed = !is_legacy(way) && (features & F_RING_PACKED) != 0;
  write_status(way, 0);
  write_status(way, 1);
  write_status(way, 3);
  write_features(way, features);
  if (!is_legacy(way))
    write_status(way, 11);
  for (unsigned i = 0; i < way->queues; i++) {
    uint16_t largest = way->sizes[i];
    uint16_t size = shape & 32 ? largest : (uint16_t)(1u << random_below(6));
    if (packed && (shape & 64))
      size++;
    if (is_legacy(way) || size > largest)
      size = largest;
    struct ring *ring = &way->rings[i];
    ring_init(ring, (unsigned)(way - ways) * RINGS_A_DEVICE + i, size, packed, is_legacy(way));
    if ((shape >> 8) % 16 != i)
      set_queue(way, i, size, ring->areas, shape & 128 ? (uint16_t)i : NO_VECTOR);
  }
  if (!one_in(8))
    write_status(way, is_legacy(way) ? 7 : 15);
  way->started = true;
}

void step_register(void)
{
  if (count == 0)
    return;
  struct way *way = any_way();
  unsigned limit = is_mmio(way) ? MMIO_BYTES : way->dev.way == VDEV_LEGACY ? LEGACY_BYTES : COMMON_BYTES;
  unsigned size = is_mmio(way) && !one_in(8) ? 4 : random_size();
  unsigned offset = random_below(limit) & (one_in(8) ? ~0u : 0u - size);
  uint32_t value = random_value();
  struct span addresses = addresses_of(way);
  if (one_in(2) || (offset < addresses.end && addresses.start < offset + size))
    read_register(way, offset, size);
  else
    write_register(way, offset, size, value);
}

void step_device_config(void)
{
  if (count == 0)
    return;
  struct way *way = any_way();
  unsigned size = random_size(), offset = random_below(way->config_bytes - size + 1);
  uint32_t value = random_value();
  bool ports = way->dev.way == VDEV_LEGACY;
  if (one_in(2))
    ports ? port_read((uint16_t)(way->dev.config + offset), size) : memory_read(way->dev.config + offset, size);
  else if (ports)
    port_write((uint16_t)(way->dev.config + offset), size, value);
  else
    memory_write(way->dev.config + offset, size, value);
}

// Registers by way of configuration space: all but the queue's addresses.
void step_window(void)
{
  if (count == 0)
    return;
  struct way *way = any_way();
  unsigned window = way->dev.way == VDEV_MODERN ? window_of(way->dev.slot) : 0;
  static const uint8_t bars[] = {0, 1, 4, 4, 4, 4, 5, 255};
  static const uint8_t lengths[] = {0, 1, 2, 2, 3, 4, 4, 8};
  uint32_t bar = RANDOM_OF(bars), length = RANDOM_OF(lengths), value = random_value();
  uint32_t offset = one_in(2) ? random_below(COMMON_BYTES) : random_value();
  bool write = one_in(2);
  if (window == 0)
    return;
  // Wherever it leads, it is not where queues are placed, nor where messages are made.
  if (bar != 4 || (offset < COMMON_QUEUE_DEVICE + 8 && COMMON_QUEUE_DESC < offset + 8))
    write = false;
  const uint32_t writes[][3] = {{window + 4, 1, bar}, {window + 8, 4, offset}, {window + 12, 4, length}};
  for (unsigned i = 0; i < 3; i++) {
    port_write(0xCF8, 4, 0x80000000u | way->dev.slot << 11 | (writes[i][0] & 0xFC));
    port_write((uint16_t)(0xCFC + (writes[i][0] & 3)), writes[i][1], writes[i][2]);
  }
  port_write(0xCF8, 4, 0x80000000u | way->dev.slot << 11 | ((window + 16) & 0xFC));
  unsigned size = length == 1 || length == 2 || length == 4 ? length : random_size();
  if (write)
    port_write(0xCFC, size, value);
  else
    port_read(0xCFC, size);
}

void step_request(void)
{
  if (count == 0)
    return;
  struct way *way = any_way();
  unsigned index = way->queues > 0 ? random_below(way->queues) : 0;
  bool tell = !one_in(4);
  if (!way->started || way->queues == 0)
    return;
  operations += ring_add(&way->rings[index], way->dev.type, index);
  if (tell)
    notify(way, index, index);
}

void step_notify(void)
{
  if (count == 0)
    return;
  struct way *way = any_way();
  uint32_t value = random_value();
  notify(way, one_in(8) ? value & 0x3FF : random_below(way->queues + 1), value);
}

void step_disturb(void)
{
  if (count == 0)
    return;
  struct way *way = any_way();
  unsigned index = way->queues > 0 ? random_below(way->queues) : 0;
  if (!way->started || way->queues == 0)
    return;
  ring_disturb(&way->rings[index]);
  operations++;
}

// A queue somewhere else, of any size: in memory that is the devices', or where there is none.
void step_queue(void)
{
  if (count == 0)
    return;
  struct way *way = any_way();
  unsigned index = random_below(RINGS_A_DEVICE);
  uint32_t size = random_value() & 0x1FF;
  uint64_t areas[3];
  for (unsigned part = 0; part < 3; part++)
    areas[part] = ring_place(part);
  if (index >= way->queues)
    return;
  // A legacy queue is as large as the device says and in one piece: its place is its own, or nowhere.
  if (is_legacy(way)) {
    size = way->sizes[index];
    if (areas[0] < ARENA_END && way->started)
      areas[0] = way->rings[index].areas[0];
    else if (areas[0] < ARENA_END)
      return;
  }
  set_queue(way, index, size, areas, (uint16_t)(size & 7));
}

void step_queue_reset(void)
{
  if (count == 0)
    return;
  struct way *way = any_way();
  select_queue(way, random_below(way->queues + 1));
  switch (way->dev.way) {
  case VDEV_MODERN:
    write_register(way, COMMON_QUEUE_RESET, 2, 1);
    break;
  case VDEV_LEGACY:
    write_register(way, LEGACY_QUEUE_ADDRESS, 4, 0);
    break;
  case VDEV_MMIO:
    write_register(way, MMIO_QUEUE_RESET, 4, 1);
    break;
  default:
    write_register(way, MMIO_LEGACY_QUEUE_PFN, 4, 0);
  }
}

void step_acknowledge(void)
{
  if (count == 0)
    return;
  struct way *way = any_way();
  if (way->dev.way == VDEV_MODERN)
    memory_read(way->dev.isr, 1);
  else if (way->dev.way == VDEV_LEGACY)
    read_register(way, LEGACY_ISR, 1);
  else
    write_register(way, MMIO_INTERRUPT_ACK, 4, read_register(way, MMIO_INTERRUPT_STATUS, 4));
}
