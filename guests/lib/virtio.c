#include "lib/virtio.h"

#include "lib/io.h"
#include "lib/pci.h"

#define PAGE 4096
#define MODERN_ID 0x1040

#define ACKNOWLEDGE 1
#define DRIVER 2
#define DRIVER_OK 4
#define FEATURES_OK 8

#define DESCRIPTOR_NEXT 1
#define DESCRIPTOR_WRITE 2
#define NO_VECTOR 0xFFFF

// Virtio structure capabilities, 4.1.4.
#define CFG_COMMON 1
#define CFG_NOTIFY 2
#define CFG_ISR 3
#define CFG_DEVICE 4

// Common configuration, 4.1.4.3.
#define COMMON_DRIVER_FEATURE_SELECT 0x08
#define COMMON_DRIVER_FEATURE 0x0C
#define COMMON_STATUS 0x14
#define COMMON_QUEUE_SELECT 0x16
#define COMMON_QUEUE_SIZE 0x18
#define COMMON_QUEUE_VECTOR 0x1A
#define COMMON_QUEUE_ENABLE 0x1C
#define COMMON_QUEUE_NOTIFY_OFF 0x1E
#define COMMON_QUEUE_DESC 0x20
#define COMMON_QUEUE_DRIVER 0x28
#define COMMON_QUEUE_DEVICE 0x30

// Legacy registers, 4.1.4.10.
#define LEGACY_DRIVER_FEATURES 0x04
#define LEGACY_QUEUE_ADDRESS 0x08
#define LEGACY_QUEUE_SIZE 0x0C
#define LEGACY_QUEUE_SELECT 0x0E
#define LEGACY_QUEUE_NOTIFY 0x10
#define LEGACY_STATUS 0x12
#define LEGACY_ISR 0x13
#define LEGACY_QUEUE_VECTOR 0x16
#define LEGACY_CONFIG 0x14
#define LEGACY_CONFIG_MSIX 0x18

struct descriptor {
  uint64_t address;
  uint32_t length;
  uint16_t flags, next;
};

// Room for one queue in the legacy layout: descriptors and available ring, then the used ring on its own page.
static uint8_t memory[3 * PAGE] __attribute__((aligned(PAGE)));

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

// Where the three parts are in `memory`, for a queue of `size` entries.
static bool lay_out(struct virtio_device *device, uint16_t size)
{
  if (size == 0 || size > VIRTIO_MAX_QUEUE)
    return false;
  for (unsigned i = 0; i < sizeof memory; i++)
    memory[i] = 0;
  device->queue_size = size;
  device->next = device->used = 0;
  device->descriptors = (uintptr_t)memory;
  device->available = device->descriptors + sizeof(struct descriptor) * size;
  device->used_ring = (device->available + 6 + 2u * size + PAGE - 1) & ~(uintptr_t)(PAGE - 1);
  return device->used_ring + 6 + 8u * size <= (uintptr_t)memory + sizeof memory;
}

static bool set_up_modern(struct virtio_device *device, int msix_entry)
{
  uint64_t common = device->common;
  mmio_write32(common + COMMON_DRIVER_FEATURE_SELECT, 0);
  mmio_write32(common + COMMON_DRIVER_FEATURE, 0);
  mmio_write32(common + COMMON_DRIVER_FEATURE_SELECT, 1);
  mmio_write32(common + COMMON_DRIVER_FEATURE, VIRTIO_F_VERSION_1 >> 32);
  write_status(device, ACKNOWLEDGE | DRIVER | FEATURES_OK);
  if ((read_status(device) & FEATURES_OK) == 0)
    return false;
  mmio_write16(common + COMMON_QUEUE_SELECT, 0);
  if (!lay_out(device, mmio_read16(common + COMMON_QUEUE_SIZE)))
    return false;
  mmio_write64(common + COMMON_QUEUE_DESC, device->descriptors);
  mmio_write64(common + COMMON_QUEUE_DRIVER, device->available);
  mmio_write64(common + COMMON_QUEUE_DEVICE, device->used_ring);
  uint16_t vector = msix_entry < 0 ? NO_VECTOR : (uint16_t)msix_entry;
  mmio_write16(common + COMMON_QUEUE_VECTOR, vector);
  if (mmio_read16(common + COMMON_QUEUE_VECTOR) != vector)
    return false;
  device->notify += mmio_read16(common + COMMON_QUEUE_NOTIFY_OFF) * device->notify_multiplier;
  mmio_write16(common + COMMON_QUEUE_ENABLE, 1);
  write_status(device, ACKNOWLEDGE | DRIVER | FEATURES_OK | DRIVER_OK);
  return true;
}

static bool set_up_legacy(struct virtio_device *device, int msix_entry)
{
  out32(legacy_port(device, LEGACY_DRIVER_FEATURES), 0);
  out16(legacy_port(device, LEGACY_QUEUE_SELECT), 0);
  if (!lay_out(device, in16(legacy_port(device, LEGACY_QUEUE_SIZE))))
    return false;
  device->config = legacy_port(device, msix_entry < 0 ? LEGACY_CONFIG : LEGACY_CONFIG_MSIX);
  if (msix_entry >= 0) {
    out16(legacy_port(device, LEGACY_QUEUE_VECTOR), (uint16_t)msix_entry);
    if (in16(legacy_port(device, LEGACY_QUEUE_VECTOR)) != msix_entry)
      return false;
  }
  out32(legacy_port(device, LEGACY_QUEUE_ADDRESS), (uint32_t)(device->descriptors / PAGE));
  write_status(device, ACKNOWLEDGE | DRIVER | DRIVER_OK);
  return true;
}

bool virtio_start(struct virtio_device *device, unsigned slot, bool legacy, int msix_entry)
{
  *device = (struct virtio_device){.slot = slot, .legacy = legacy};
  if (legacy ? !find_legacy(device) : !find_modern(device))
    return false;
  virtio_reset(device);
  write_status(device, ACKNOWLEDGE);
  write_status(device, ACKNOWLEDGE | DRIVER);
  return legacy ? set_up_legacy(device, msix_entry) : set_up_modern(device, msix_entry);
}

void virtio_send(struct virtio_device *device, const struct virtio_buffer *buffers, unsigned count)
{
  volatile struct descriptor *table = (volatile struct descriptor *)device->descriptors;
  for (unsigned i = 0; i < count; i++) {
    table[i].address = (uintptr_t)buffers[i].data;
    table[i].length = buffers[i].length;
    table[i].flags = (uint16_t)((buffers[i].writable ? DESCRIPTOR_WRITE : 0) | (i + 1 < count ? DESCRIPTOR_NEXT : 0));
    table[i].next = (uint16_t)(i + 1);
  }
  volatile uint16_t *available = (volatile uint16_t *)device->available;
  available[2 + device->next % device->queue_size] = 0;
  device->next++;
  // x86 keeps the order of these writes; the compiler keeps that of volatile ones.
  available[1] = device->next;
  __asm__ volatile("mfence" : : : "memory");
  if (device->legacy)
    out16(legacy_port(device, LEGACY_QUEUE_NOTIFY), 0);
  else
    mmio_write16(device->notify, 0);
}

bool virtio_done(struct virtio_device *device, uint32_t *length)
{
  volatile uint16_t *index = (volatile uint16_t *)(device->used_ring + 2);
  if (*index == device->used)
    return false;
  volatile uint32_t *element = (volatile uint32_t *)(device->used_ring + 4 + 8u * (device->used % device->queue_size));
  *length = element[1];
  device->used++;
  return true;
}

uint8_t virtio_isr(struct virtio_device *device)
{
  return device->legacy ? in8(legacy_port(device, LEGACY_ISR)) : mmio_read8(device->isr);
}

uint8_t virtio_config8(struct virtio_device *device, unsigned offset)
{
  return device->legacy ? in8((uint16_t)(device->config + offset)) : mmio_read8(device->config + offset);
}
