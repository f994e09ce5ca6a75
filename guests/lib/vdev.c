#include "lib/vdev.h"

#include "lib/idt.h"
#include "lib/io.h"
#include "lib/ioapic.h"
#include "lib/lapic.h"
#include "lib/pci.h"
#include "lib/wait.h"

#define MMIO_FIRST 0xFEB00000u
#define MMIO_LAST 0xFEB10000u
#define MMIO_STEP 0x200u
#define MMIO_MAGIC 0x74726976u
#define MSIX_VECTOR 0x60
#define INTX_VECTOR 0x58
#define PAGE 4096

#define NEXT 1
#define WRITE 2
#define INDIRECT 4
#define PACKED_AVAIL 0x80
#define PACKED_USED 0x8000

volatile uint32_t vdev_interrupts[VDEV_VECTORS];
volatile uint32_t vdev_intx;
volatile uint8_t vdev_isr_seen;
static struct vdev *intx_device;

static bool is_pci(const struct vdev *dev)
{
  return dev->way == VDEV_MODERN || dev->way == VDEV_LEGACY;
}

static unsigned type_of(unsigned slot)
{
  if (pci_read16(slot, PCI_VENDOR_ID) != 0x1AF4)
    return 0;
  uint16_t id = pci_read16(slot, PCI_DEVICE_ID);
  return id >= 0x1040 ? id - 0x1040u : pci_read16(slot, PCI_SUBSYSTEM_ID);
}

static bool find_modern(struct vdev *dev)
{
  unsigned slot = dev->slot;
  dev->common = dev->notify = dev->isr = dev->config = 0;
  for (uint8_t at = pci_next_capability(slot, 0); at != 0; at = pci_next_capability(slot, at)) {
    if (pci_read8(slot, at) != PCI_CAPABILITY_VENDOR)
      continue;
    uint8_t type = pci_read8(slot, at + 3u);
    if (type < CFG_COMMON || type > CFG_DEVICE)
      continue;
    uint64_t address = pci_bar(slot, pci_read8(slot, at + 4u)) + pci_read32(slot, at + 8u);
    if (type == CFG_COMMON && dev->common == 0)
      dev->common = address;
    if (type == CFG_NOTIFY && dev->notify == 0) {
      dev->notify = address;
      dev->notify_length = pci_read32(slot, at + 12u);
      dev->multiplier = pci_read32(slot, at + 16u);
    }
    if (type == CFG_ISR && dev->isr == 0)
      dev->isr = address;
    if (type == CFG_DEVICE && dev->config == 0)
      dev->config = address;
  }
  return dev->common != 0;
}

static bool find_pci(struct vdev *dev, unsigned nth)
{
  for (unsigned slot = 0; slot < PCI_SLOTS; slot++) {
    if (type_of(slot) != dev->type)
      continue;
    dev->slot = slot;
    bool ports = (pci_read32(slot, PCI_BAR) & 1) != 0;
    if (dev->way == VDEV_LEGACY) {
      if (!ports)
        continue;
      dev->base = pci_bar(slot, 0);
      dev->config = dev->base + LEGACY_CONFIG;
    } else if (!find_modern(dev)) {
      continue;
    }
    if (nth-- == 0) {
      pci_write16(slot, PCI_COMMAND, PCI_COMMAND_IO | PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER);
      return true;
    }
  }
  return false;
}

static bool find_mmio(struct vdev *dev, unsigned nth)
{
  uint32_t version = dev->way == VDEV_MMIO ? 2 : 1;
  for (uint32_t base = MMIO_FIRST; base < MMIO_LAST; base += MMIO_STEP) {
    if (mmio_read32(base) != MMIO_MAGIC || mmio_read32(base + 4) != version || mmio_read32(base + 8) != dev->type)
      continue;
    dev->base = base;
    dev->config = base + MMIO_CONFIG;
    if (nth-- == 0)
      return true;
  }
  return false;
}

bool vdev_find(struct vdev *dev, unsigned type, unsigned nth, enum vdev_way way)
{
  *dev = (struct vdev){.way = way, .type = type};
  if (is_pci(dev) ? !find_pci(dev, nth) : !find_mmio(dev, nth))
    return false;
  vdev_reset(dev);
  return true;
}

uint8_t vdev_status(struct vdev *dev)
{
  switch (dev->way) {
  case VDEV_MODERN:
    return mmio_read8(dev->common + COMMON_STATUS);
  case VDEV_LEGACY:
    return in8((uint16_t)(dev->base + LEGACY_STATUS));
  default:
    return (uint8_t)mmio_read32(dev->base + MMIO_STATUS);
  }
}

void vdev_set_status(struct vdev *dev, uint8_t status)
{
  switch (dev->way) {
  case VDEV_MODERN:
    mmio_write8(dev->common + COMMON_STATUS, status);
    break;
  case VDEV_LEGACY:
    out8((uint16_t)(dev->base + LEGACY_STATUS), status);
    break;
  default:
    mmio_write32(dev->base + MMIO_STATUS, status);
  }
}

static struct vdev *resetting;

static bool is_reset(void)
{
  return vdev_status(resetting) == 0;
}

void vdev_reset(struct vdev *dev)
{
  vdev_set_status(dev, 0);
  resetting = dev;
  wait_until(is_reset);
}

uint64_t vdev_offered(struct vdev *dev)
{
  if (dev->way == VDEV_LEGACY)
    return in32((uint16_t)(dev->base + LEGACY_DEVICE_FEATURES));
  uint64_t features = 0;
  for (unsigned word = 0; word < 2; word++) {
    if (dev->way == VDEV_MODERN) {
      mmio_write32(dev->common + COMMON_DEVICE_FEATURE_SELECT, word);
      features |= (uint64_t)mmio_read32(dev->common + COMMON_DEVICE_FEATURE) << 32 * word;
    } else {
      mmio_write32(dev->base + MMIO_DEVICE_FEATURES_SEL, word);
      features |= (uint64_t)mmio_read32(dev->base + MMIO_DEVICE_FEATURES) << 32 * word;
    }
  }
  return features;
}

void vdev_accept(struct vdev *dev, uint64_t features)
{
  dev->features = features;
  if (dev->way == VDEV_LEGACY) {
    out32((uint16_t)(dev->base + LEGACY_DRIVER_FEATURES), (uint32_t)features);
    return;
  }
  for (unsigned word = 0; word < 2; word++) {
    uint32_t half = (uint32_t)(features >> 32 * word);
    if (dev->way == VDEV_MODERN) {
      mmio_write32(dev->common + COMMON_DRIVER_FEATURE_SELECT, word);
      mmio_write32(dev->common + COMMON_DRIVER_FEATURE, half);
    } else {
      mmio_write32(dev->base + MMIO_DRIVER_FEATURES_SEL, word);
      mmio_write32(dev->base + MMIO_DRIVER_FEATURES, half);
    }
  }
  if (dev->way == VDEV_MMIO_LEGACY)
    mmio_write32(dev->base + MMIO_LEGACY_GUEST_PAGE_SIZE, PAGE);
}

bool vdev_begin(struct vdev *dev, uint64_t features)
{
  vdev_reset(dev);
  vdev_set_status(dev, STATUS_ACKNOWLEDGE);
  vdev_set_status(dev, STATUS_ACKNOWLEDGE | STATUS_DRIVER);
  vdev_accept(dev, features);
  if (dev->way == VDEV_LEGACY || dev->way == VDEV_MMIO_LEGACY)
    return true;
  vdev_set_status(dev, STATUS_ACKNOWLEDGE | STATUS_DRIVER | STATUS_FEATURES_OK);
  return (vdev_status(dev) & STATUS_FEATURES_OK) != 0;
}

void vdev_driver_ok(struct vdev *dev)
{
  bool modern = dev->way == VDEV_MODERN || dev->way == VDEV_MMIO;
  vdev_set_status(dev, STATUS_ACKNOWLEDGE | STATUS_DRIVER | STATUS_DRIVER_OK | (modern ? STATUS_FEATURES_OK : 0));
}

static void select(struct vdev *dev, uint16_t index)
{
  switch (dev->way) {
  case VDEV_MODERN:
    mmio_write16(dev->common + COMMON_QUEUE_SELECT, index);
    break;
  case VDEV_LEGACY:
    out16((uint16_t)(dev->base + LEGACY_QUEUE_SELECT), index);
    break;
  default:
    mmio_write32(dev->base + MMIO_QUEUE_SEL, index);
  }
}

uint16_t vdev_queue_size(struct vdev *dev, uint16_t index)
{
  select(dev, index);
  switch (dev->way) {
  case VDEV_MODERN:
    return mmio_read16(dev->common + COMMON_QUEUE_SIZE);
  case VDEV_LEGACY:
    return in16((uint16_t)(dev->base + LEGACY_QUEUE_SIZE));
  default:
    return (uint16_t)mmio_read32(dev->base + MMIO_QUEUE_SIZE_MAX);
  }
}

void vdev_queue_set(struct vdev *dev, uint16_t index, uint16_t size, uint64_t descriptors, uint64_t driver,
                    uint64_t device)
{
  select(dev, index);
  switch (dev->way) {
  case VDEV_MODERN:
    mmio_write16(dev->common + COMMON_QUEUE_SIZE, size);
    mmio_write64(dev->common + COMMON_QUEUE_DESC, descriptors);
    mmio_write64(dev->common + COMMON_QUEUE_DRIVER, driver);
    mmio_write64(dev->common + COMMON_QUEUE_DEVICE, device);
    mmio_write16(dev->common + COMMON_QUEUE_ENABLE, 1);
    break;
  case VDEV_LEGACY:
    out32((uint16_t)(dev->base + LEGACY_QUEUE_ADDRESS), (uint32_t)(descriptors / PAGE));
    break;
  case VDEV_MMIO_LEGACY:
    mmio_write32(dev->base + MMIO_QUEUE_SIZE, size);
    mmio_write32(dev->base + MMIO_LEGACY_QUEUE_ALIGN, PAGE);
    mmio_write32(dev->base + MMIO_LEGACY_QUEUE_PFN, (uint32_t)(descriptors / PAGE));
    break;
  default:
    mmio_write32(dev->base + MMIO_QUEUE_SIZE, size);
    mmio_write32(dev->base + MMIO_QUEUE_DESC, (uint32_t)descriptors);
    mmio_write32(dev->base + MMIO_QUEUE_DESC + 4, (uint32_t)(descriptors >> 32));
    mmio_write32(dev->base + MMIO_QUEUE_DRIVER, (uint32_t)driver);
    mmio_write32(dev->base + MMIO_QUEUE_DRIVER + 4, (uint32_t)(driver >> 32));
    mmio_write32(dev->base + MMIO_QUEUE_DEVICE, (uint32_t)device);
    mmio_write32(dev->base + MMIO_QUEUE_DEVICE + 4, (uint32_t)(device >> 32));
    mmio_write32(dev->base + MMIO_QUEUE_READY, 1);
  }
}

bool vdev_queue_enabled(struct vdev *dev, uint16_t index)
{
  select(dev, index);
  switch (dev->way) {
  case VDEV_MODERN:
    return mmio_read16(dev->common + COMMON_QUEUE_ENABLE) == 1;
  case VDEV_LEGACY:
    return in32((uint16_t)(dev->base + LEGACY_QUEUE_ADDRESS)) != 0;
  case VDEV_MMIO:
    return mmio_read32(dev->base + MMIO_QUEUE_READY) == 1;
  default:
    return mmio_read32(dev->base + MMIO_LEGACY_QUEUE_PFN) != 0;
  }
}

static uintptr_t reset_register(struct vdev *dev)
{
  return dev->way == VDEV_MODERN ? dev->common + COMMON_QUEUE_RESET : dev->base + MMIO_QUEUE_RESET;
}

static bool queue_is_reset(void)
{
  return mmio_read16(reset_register(resetting)) == 0;
}

void vdev_queue_reset(struct vdev *dev, uint16_t index)
{
  select(dev, index);
  if (dev->way == VDEV_MODERN)
    mmio_write16(reset_register(dev), 1);
  else
    mmio_write32(reset_register(dev), 1);
  resetting = dev;
  wait_until(queue_is_reset);
}

bool vdev_queue_vector(struct vdev *dev, uint16_t index, uint16_t vector)
{
  select(dev, index);
  if (dev->way == VDEV_LEGACY) {
    out16((uint16_t)(dev->base + LEGACY_QUEUE_VECTOR), vector);
    return in16((uint16_t)(dev->base + LEGACY_QUEUE_VECTOR)) == vector;
  }
  mmio_write16(dev->common + COMMON_QUEUE_VECTOR, vector);
  return mmio_read16(dev->common + COMMON_QUEUE_VECTOR) == vector;
}

bool vdev_config_vector(struct vdev *dev, uint16_t vector)
{
  mmio_write16(dev->common + COMMON_CONFIG_VECTOR, vector);
  return mmio_read16(dev->common + COMMON_CONFIG_VECTOR) == vector;
}

void vdev_notify(struct vdev *dev, uint16_t index)
{
  switch (dev->way) {
  case VDEV_MODERN:
    select(dev, index);
    mmio_write16(dev->notify + mmio_read16(dev->common + COMMON_QUEUE_NOTIFY_OFF) * dev->multiplier, index);
    break;
  case VDEV_LEGACY:
    out16((uint16_t)(dev->base + LEGACY_QUEUE_NOTIFY), index);
    break;
  default:
    mmio_write32(dev->base + MMIO_QUEUE_NOTIFY, index);
  }
}

uint32_t vdev_config(struct vdev *dev, unsigned offset, unsigned size)
{
  uint64_t at = dev->config + offset;
  if (dev->way == VDEV_LEGACY)
    return size == 1 ? in8((uint16_t)at) : size == 2 ? in16((uint16_t)at) : in32((uint16_t)at);
  return size == 1 ? mmio_read8(at) : size == 2 ? mmio_read16(at) : mmio_read32(at);
}

void vdev_config_write(struct vdev *dev, unsigned offset, unsigned size, uint32_t value)
{
  uint64_t at = dev->config + offset;
  if (dev->way == VDEV_LEGACY) {
    if (size == 1)
      out8((uint16_t)at, (uint8_t)value);
    else if (size == 2)
      out16((uint16_t)at, (uint16_t)value);
    else
      out32((uint16_t)at, value);
  } else if (size == 1) {
    mmio_write8(at, (uint8_t)value);
  } else if (size == 2) {
    mmio_write16(at, (uint16_t)value);
  } else {
    mmio_write32(at, value);
  }
}

uint8_t vdev_isr(struct vdev *dev)
{
  switch (dev->way) {
  case VDEV_MODERN:
    return mmio_read8(dev->isr);
  case VDEV_LEGACY:
    return in8((uint16_t)(dev->base + LEGACY_ISR));
  default:
    return (uint8_t)mmio_read32(dev->base + MMIO_INTERRUPT_STATUS);
  }
}

static void on_msix(struct interrupt_frame *frame)
{
  vdev_interrupts[frame->vector - MSIX_VECTOR]++;
  lapic_eoi();
}

static void on_intx(struct interrupt_frame *frame)
{
  (void)frame;
  vdev_intx++;
  vdev_isr_seen = vdev_isr(intx_device);
  lapic_eoi();
}

void vdev_clear_interrupts(void)
{
  // Those that wait for this CPU belong to what was before.
  __asm__ volatile("sti; nop; nop; cli" : : : "memory");
  for (unsigned i = 0; i < VDEV_VECTORS; i++)
    vdev_interrupts[i] = 0;
  vdev_intx = 0;
  vdev_isr_seen = 0;
}

bool vdev_use_msix(struct vdev *dev)
{
  uint8_t at = pci_capability(dev->slot, PCI_CAPABILITY_MSIX);
  if (at == 0)
    return false;
  unsigned entries = (pci_read16(dev->slot, at + 2u) & 0x7FFu) + 1;
  for (unsigned entry = 0; entry < VDEV_VECTORS && entry < entries; entry++) {
    set_handler((uint8_t)(MSIX_VECTOR + entry), on_msix);
    pci_enable_msix(dev->slot, entry, (uint8_t)(MSIX_VECTOR + entry));
  }
  if (dev->way == VDEV_LEGACY)
    dev->config = dev->base + LEGACY_CONFIG_MSIX;
  vdev_clear_interrupts();
  return true;
}

void vdev_use_intx(struct vdev *dev)
{
  pci_disable_msix(dev->slot);
  if (dev->way == VDEV_LEGACY)
    dev->config = dev->base + LEGACY_CONFIG;
  intx_device = dev;
  set_handler(INTX_VECTOR, on_intx);
  ioapic_route(pci_read8(dev->slot, PCI_INTERRUPT_LINE), INTX_VECTOR | RTE_LEVEL, lapic_id());
  vdev_clear_interrupts();
}

// ---- Rings ----

#define RING_MEMORY (4 * PAGE)
#define RINGS 8
#define TABLE_ENTRIES 16

struct descriptor {
  uint64_t address;
  uint32_t length;
  uint16_t word12, word14;
};

static uint8_t ring_memory[RINGS][RING_MEMORY] __attribute__((aligned(PAGE)));
static struct descriptor tables[RINGS][4][TABLE_ENTRIES] __attribute__((aligned(16)));

bool vring_open(struct vring *ring, struct vdev *dev, uint16_t index, uint16_t size, unsigned slot)
{
  bool legacy = dev->way == VDEV_LEGACY || dev->way == VDEV_MMIO_LEGACY;
  uintptr_t memory = (uintptr_t)ring_memory[slot];
  if (size == 0 || size > MAX_QUEUE)
    return false;
  for (unsigned i = 0; i < RING_MEMORY; i++)
    ring_memory[slot][i] = 0;
  *ring = (struct vring){.dev = dev, .index = index, .size = size, .packed = (dev->features & F_RING_PACKED) != 0};
  ring->wrap = ring->used_wrap = 1;
  ring->descriptors = memory;
  ring->driver = legacy ? memory + 16u * size : memory + PAGE;
  ring->device = legacy ? (ring->driver + 6u + 2u * size + PAGE - 1) & ~(uintptr_t)(PAGE - 1) : memory + 2 * PAGE;
  vdev_queue_set(dev, index, size, ring->descriptors, ring->driver, ring->device);
  return true;
}

static volatile struct descriptor *table_of(struct vring *ring, unsigned entry)
{
  return (volatile struct descriptor *)ring->descriptors + entry;
}

static uint16_t turn(const struct vring *ring)
{
  return ring->wrap ? PACKED_AVAIL : PACKED_USED;
}

static void advance(struct vring *ring)
{
  if (++ring->available == ring->size) {
    ring->available = 0;
    ring->wrap ^= 1;
  }
}

// The flags of a chain's first descriptor come last: the device sees it as a whole.
static uint16_t add_packed(struct vring *ring, const struct vbuf *buffers, unsigned count)
{
  uint16_t id = ring->free++;
  uint16_t first = ring->available, first_flags = 0;
  for (unsigned i = 0; i < count; i++) {
    volatile struct descriptor *at = table_of(ring, ring->available);
    uint16_t flags = (uint16_t)(turn(ring) | (buffers[i].writable ? WRITE : 0) | (i + 1 < count ? NEXT : 0));
    at->address = (uintptr_t)buffers[i].data;
    at->length = buffers[i].length;
    at->word12 = id;
    if (i == 0)
      first_flags = flags;
    else
      at->word14 = flags;
    advance(ring);
  }
  __asm__ volatile("mfence" : : : "memory");
  table_of(ring, first)->word14 = first_flags;
  return id;
}

static void publish(struct vring *ring, uint16_t head)
{
  vring_avail(ring)[2 + ring->available % ring->size] = head;
  ring->available++;
  vring_avail(ring)[1] = ring->available;
}

uint16_t vring_add(struct vring *ring, const struct vbuf *buffers, unsigned count)
{
  if (ring->packed)
    return add_packed(ring, buffers, count);
  uint16_t head = ring->free % ring->size;
  for (unsigned i = 0; i < count; i++) {
    volatile struct descriptor *at = table_of(ring, (ring->free + i) % ring->size);
    at->address = (uintptr_t)buffers[i].data;
    at->length = buffers[i].length;
    at->word12 = (uint16_t)((buffers[i].writable ? WRITE : 0) | (i + 1 < count ? NEXT : 0));
    at->word14 = (uint16_t)((ring->free + i + 1) % ring->size);
  }
  ring->free = (uint16_t)(ring->free + count);
  publish(ring, head);
  return head;
}

uint16_t vring_add_indirect(struct vring *ring, const struct vbuf *buffers, unsigned count, uint16_t flags)
{
  struct descriptor *table = tables[ring->index % RINGS][ring->free % 4];
  for (unsigned i = 0; i < count; i++) {
    uint16_t write = buffers[i].writable ? WRITE : 0;
    table[i].address = (uintptr_t)buffers[i].data;
    table[i].length = buffers[i].length;
    table[i].word12 = ring->packed ? 0 : (uint16_t)(write | (i + 1 < count ? NEXT : 0));
    table[i].word14 = ring->packed ? write : (uint16_t)(i + 1);
  }
  uint16_t id = ring->packed ? ring->free : ring->free % ring->size;
  volatile struct descriptor *at = table_of(ring, ring->packed ? ring->available : id);
  at->address = (uintptr_t)table;
  at->length = 16 * count;
  ring->free++;
  if (ring->packed) {
    at->word12 = id;
    __asm__ volatile("mfence" : : : "memory");
    at->word14 = (uint16_t)(INDIRECT | flags | turn(ring));
    advance(ring);
  } else {
    at->word12 = (uint16_t)(INDIRECT | flags);
    at->word14 = 0;
    publish(ring, id);
  }
  return id;
}

void vring_kick(struct vring *ring)
{
  __asm__ volatile("mfence" : : : "memory");
  vdev_notify(ring->dev, ring->index);
}

static bool take_packed(struct vring *ring, unsigned slots, uint32_t *id, uint32_t *length)
{
  volatile struct descriptor *at = table_of(ring, ring->used);
  uint16_t flags = at->word14;
  bool avail = (flags & PACKED_AVAIL) != 0, used = (flags & PACKED_USED) != 0;
  if (avail != (ring->used_wrap != 0) || used != avail)
    return false;
  *id = at->word12;
  *length = at->length;
  ring->used = (uint16_t)(ring->used + slots);
  if (ring->used >= ring->size) {
    ring->used = (uint16_t)(ring->used - ring->size);
    ring->used_wrap ^= 1;
  }
  return true;
}

bool vring_take(struct vring *ring, unsigned slots, uint32_t *id, uint32_t *length)
{
  if (ring->packed)
    return take_packed(ring, slots, id, length);
  if (vring_used(ring)[1] == ring->used)
    return false;
  volatile uint32_t *element = (volatile uint32_t *)(ring->device + 4 + 8u * (ring->used % ring->size));
  *id = element[0];
  *length = element[1];
  ring->used++;
  return true;
}

static struct {
  struct vring *ring;
  unsigned slots;
  uint32_t id, length;
} waiting;

static bool taken(void)
{
  return vring_take(waiting.ring, waiting.slots, &waiting.id, &waiting.length);
}

bool vring_wait(struct vring *ring, unsigned slots, uint32_t *id, uint32_t *length)
{
  waiting.ring = ring;
  waiting.slots = slots;
  if (!wait_until(taken))
    return false;
  *id = waiting.id;
  *length = waiting.length;
  return true;
}

bool vring_request(struct vring *ring, const struct vbuf *buffers, unsigned count, uint32_t *length)
{
  uint32_t id;
  vring_add(ring, buffers, count);
  vring_kick(ring);
  return vring_wait(ring, count, &id, length);
}
