#include "lib/virtio.h"

#include "lib/io.h"
#include "lib/pci.h"
#include "lib/virtio-registers.h"

#define PAGE 4096
#define MODERN_ID 0x1040

#define DESCRIPTOR_NEXT 1
#define DESCRIPTOR_WRITE 2
#define NO_VECTOR 0xFFFF

struct descriptor {
  uint64_t address;
  uint32_t length;
  uint16_t flags, next;
};

unsigned virtio_type(unsigned slot)
{
  if (pci_read16(slot, PCI_VENDOR_ID) != VIRTIO_VENDOR)
    return 0;
  uint16_t id = pci_read16(slot, PCI_DEVICE_ID);
  return id >= MODERN_ID ? id - MODERN_ID : pci_read16(slot, PCI_SUBSYSTEM_ID);
}

static bool find_modern(struct virtio_device *device)
{
  unsigned slot = device->slot;
  uint64_t found[5] = {0};
  for (uint8_t at = pci_next_capability(slot, 0); at != 0; at = pci_next_capability(slot, at)) {
    if (pci_read8(slot, at) != PCI_CAPABILITY_VENDOR)
      continue;
    uint8_t type = pci_read8(slot, at + 3u);
    if (type < CFG_COMMON || type > CFG_DEVICE)
      continue;
    found[type] = pci_bar(slot, pci_read8(slot, at + 4u)) + pci_read32(slot, at + 8u);
    if (type == CFG_NOTIFY)
      device->notify_multiplier = pci_read32(slot, at + 16u);
  }
  device->common = found[CFG_COMMON];
  device->notify = found[CFG_NOTIFY];
  device->isr = found[CFG_ISR];
  device->config = found[CFG_DEVICE];
  return device->common != 0 && device->notify != 0 && device->isr != 0 && device->config != 0;
}

static bool find_legacy(struct virtio_device *device)
{
  if ((pci_read32(device->slot, PCI_BAR) & 1) == 0)
    return false;
  device->common = pci_bar(device->slot, 0);
  return device->common != 0;
}

static uint16_t legacy_port(const struct virtio_device *device, unsigned offset)
{
  return (uint16_t)(device->common + offset);
}

static uint8_t read_status(struct virtio_device *device)
{
  return device->legacy ? in8(legacy_port(device, LEGACY_STATUS)) : mmio_read8(device->common + COMMON_STATUS);
}

static void write_status(struct virtio_device *device, uint8_t status)
{
  if (device->legacy)
    out8(legacy_port(device, LEGACY_STATUS), status);
  else
    mmio_write8(device->common + COMMON_STATUS, status);
}

void virtio_reset(struct virtio_device *device)
{
  write_status(device, 0);
  while (read_status(device) != 0)
    ;
}

// Where the three parts are in the queue's memory, for `size` entries.
static bool lay_out(struct virtio_queue *queue, uint16_t size, uintptr_t memory)
{
  if (size == 0 || size > VIRTIO_MAX_QUEUE)
    return false;
  for (unsigned i = 0; i < VIRTIO_QUEUE_MEMORY; i++)
    ((volatile uint8_t *)memory)[i] = 0;
  queue->size = size;
  queue->next = queue->used = 0;
  queue->descriptors = memory;
  queue->available = queue->descriptors + sizeof(struct descriptor) * size;
  queue->used_ring = (queue->available + 6 + 2u * size + PAGE - 1) & ~(uintptr_t)(PAGE - 1);
  return queue->used_ring + 6 + 8u * size <= memory + VIRTIO_QUEUE_MEMORY;
}

static bool add_modern_queue(struct virtio_device *device, struct virtio_queue *queue, void *memory, int msix_entry)
{
  uint64_t common = device->common;
  mmio_write16(common + COMMON_QUEUE_SELECT, queue->index);
  if (!lay_out(queue, mmio_read16(common + COMMON_QUEUE_SIZE), (uintptr_t)memory))
    return false;
  mmio_write64(common + COMMON_QUEUE_DESC, queue->descriptors);
  mmio_write64(common + COMMON_QUEUE_DRIVER, queue->available);
  mmio_write64(common + COMMON_QUEUE_DEVICE, queue->used_ring);
  uint16_t vector = msix_entry < 0 ? NO_VECTOR : (uint16_t)msix_entry;
  mmio_write16(common + COMMON_QUEUE_VECTOR, vector);
  if (mmio_read16(common + COMMON_QUEUE_VECTOR) != vector)
    return false;
  queue->notify = device->notify + mmio_read16(common + COMMON_QUEUE_NOTIFY_OFF) * device->notify_multiplier;
  mmio_write16(common + COMMON_QUEUE_ENABLE, 1);
  return true;
}

static bool add_legacy_queue(struct virtio_device *device, struct virtio_queue *queue, void *memory, int msix_entry)
{
  out16(legacy_port(device, LEGACY_QUEUE_SELECT), queue->index);
  if (!lay_out(queue, in16(legacy_port(device, LEGACY_QUEUE_SIZE)), (uintptr_t)memory))
    return false;
  device->config = legacy_port(device, msix_entry < 0 ? LEGACY_CONFIG : LEGACY_CONFIG_MSIX);
  if (msix_entry >= 0) {
    out16(legacy_port(device, LEGACY_QUEUE_VECTOR), (uint16_t)msix_entry);
    if (in16(legacy_port(device, LEGACY_QUEUE_VECTOR)) != msix_entry)
      return false;
  }
  out32(legacy_port(device, LEGACY_QUEUE_ADDRESS), (uint32_t)(queue->descriptors / PAGE));
  return true;
}

bool virtio_find(struct virtio_device *device, unsigned slot, bool legacy)
{
  *device = (struct virtio_device){.slot = slot, .legacy = legacy};
  if (legacy ? !find_legacy(device) : !find_modern(device))
    return false;
  if (legacy)
    device->config = legacy_port(device, LEGACY_CONFIG);
  virtio_reset(device);
  return true;
}

uint64_t virtio_offered(struct virtio_device *device)
{
  if (device->legacy)
    return in32(legacy_port(device, LEGACY_DEVICE_FEATURES));
  uint64_t features = 0;
  for (unsigned word = 0; word < 2; word++) {
    mmio_write32(device->common + COMMON_DEVICE_FEATURE_SELECT, word);
    features |= (uint64_t)mmio_read32(device->common + COMMON_DEVICE_FEATURE) << 32 * word;
  }
  return features;
}

bool virtio_negotiate(struct virtio_device *device, uint64_t features)
{
  write_status(device, STATUS_ACKNOWLEDGE);
  write_status(device, STATUS_ACKNOWLEDGE | STATUS_DRIVER);
  if (device->legacy) {
    out32(legacy_port(device, LEGACY_DRIVER_FEATURES), (uint32_t)features);
    return true;
  }
  features |= VIRTIO_F_VERSION_1;
  for (unsigned word = 0; word < 2; word++) {
    mmio_write32(device->common + COMMON_DRIVER_FEATURE_SELECT, word);
    mmio_write32(device->common + COMMON_DRIVER_FEATURE, (uint32_t)(features >> 32 * word));
  }
  write_status(device, STATUS_ACKNOWLEDGE | STATUS_DRIVER | STATUS_FEATURES_OK);
  return (read_status(device) & STATUS_FEATURES_OK) != 0;
}

bool virtio_add_queue(struct virtio_device *device, struct virtio_queue *queue, uint16_t index, void *memory,
                      int msix_entry)
{
  *queue = (struct virtio_queue){.index = index};
  return device->legacy ? add_legacy_queue(device, queue, memory, msix_entry)
                        : add_modern_queue(device, queue, memory, msix_entry);
}

void virtio_run(struct virtio_device *device)
{
  write_status(device, STATUS_ACKNOWLEDGE | STATUS_DRIVER | STATUS_DRIVER_OK | (device->legacy ? 0 : STATUS_FEATURES_OK));
}

bool virtio_start(struct virtio_device *device, unsigned slot, bool legacy, int msix_entry)
{
  static uint8_t memory[VIRTIO_QUEUE_MEMORY] __attribute__((aligned(VIRTIO_QUEUE_ALIGNMENT)));
  if (!virtio_find(device, slot, legacy) || !virtio_negotiate(device, 0))
    return false;
  if (!virtio_add_queue(device, &device->queue, 0, memory, msix_entry))
    return false;
  virtio_run(device);
  return true;
}

void virtio_queue_send(struct virtio_device *device, struct virtio_queue *queue, const struct virtio_buffer *buffers,
                       unsigned count)
{
  volatile struct descriptor *table = (volatile struct descriptor *)queue->descriptors;
  for (unsigned i = 0; i < count; i++) {
    table[i].address = (uintptr_t)buffers[i].data;
    table[i].length = buffers[i].length;
    table[i].flags = (uint16_t)((buffers[i].writable ? DESCRIPTOR_WRITE : 0) | (i + 1 < count ? DESCRIPTOR_NEXT : 0));
    table[i].next = (uint16_t)(i + 1);
  }
  volatile uint16_t *available = (volatile uint16_t *)queue->available;
  available[2 + queue->next % queue->size] = 0;
  queue->next++;
  // x86 keeps the order of these writes; the compiler keeps that of volatile ones.
  available[1] = queue->next;
  __asm__ volatile("mfence" : : : "memory");
  if (device->legacy)
    out16(legacy_port(device, LEGACY_QUEUE_NOTIFY), queue->index);
  else
    mmio_write16(queue->notify, queue->index);
}

bool virtio_queue_done(struct virtio_queue *queue, uint32_t *length)
{
  volatile uint16_t *index = (volatile uint16_t *)(queue->used_ring + 2);
  if (*index == queue->used)
    return false;
  volatile uint32_t *element = (volatile uint32_t *)(queue->used_ring + 4 + 8u * (queue->used % queue->size));
  *length = element[1];
  queue->used++;
  return true;
}

void virtio_send(struct virtio_device *device, const struct virtio_buffer *buffers, unsigned count)
{
  virtio_queue_send(device, &device->queue, buffers, count);
}

bool virtio_done(struct virtio_device *device, uint32_t *length)
{
  return virtio_queue_done(&device->queue, length);
}

uint8_t virtio_isr(struct virtio_device *device)
{
  return device->legacy ? in8(legacy_port(device, LEGACY_ISR)) : mmio_read8(device->isr);
}

uint8_t virtio_config8(struct virtio_device *device, unsigned offset)
{
  return device->legacy ? in8((uint16_t)(device->config + offset)) : mmio_read8(device->config + offset);
}

void virtio_write_config8(struct virtio_device *device, unsigned offset, uint8_t value)
{
  if (device->legacy)
    out8((uint16_t)(device->config + offset), value);
  else
    mmio_write8(device->config + offset, value);
}
