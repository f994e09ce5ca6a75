#include "drivers/driver.h"

#include "lib/io.h"
#include "lib/pci.h"
#include "lib/virtio.h"

#define MMIO_BASE 0xFEB00000u
#define PCI_WINDOW 5
#define PCI_VENDOR_DATA 9
#define GONE 0xFF
#define CHANGE_LOOKS 20
#define NO_VECTOR 0xFFFF

static uint8_t queue_memory[MAX_QUEUES][3 * 4096] __attribute__((aligned(4096)));

static uint8_t read_status(struct driver *driver)
{
  return driver->mmio ? (uint8_t)mmio_read32(driver->common + MMIO_STATUS)
                      : mmio_read8(driver->common + COMMON_STATUS);
}

static void write_status(struct driver *driver, unsigned status)
{
  if (driver->mmio)
    mmio_write32(driver->common + MMIO_STATUS, status);
  else
    mmio_write8(driver->common + COMMON_STATUS, (uint8_t)status);
}

static bool find_mmio(struct driver *driver, unsigned type)
{
  driver->mmio = true;
  driver->common = driver->notify = driver->isr = MMIO_BASE;
  driver->config = MMIO_BASE + MMIO_CONFIG;
  if (broken("4.2.3.1.1/device-id-next"))
    mmio_read32(MMIO_BASE + MMIO_VENDOR_ID);
  if (broken("4.2.3.1.1/magic-first"))
    mmio_read32(MMIO_BASE + MMIO_DEVICE_ID);
  if (mmio_read32(MMIO_BASE) != 0x74726976 && !broken("4.2.2.2/magic"))
    return false;
  if (mmio_read32(MMIO_BASE + MMIO_VERSION) != 2 && !broken("4.2.2.2/version"))
    return false;
  return mmio_read32(MMIO_BASE + MMIO_DEVICE_ID) == type || broken("4.2.2.2/device-0");
}

// Reaches the status by the window in configuration space, as a driver without memory accesses would.
static void try_window(struct driver *driver, uint8_t window, uint8_t common)
{
  unsigned slot = driver->slot;
  pci_write32(slot, window + 12u, broken("4.1.4.9.2/window-aligned") ? 4 : 1);
  // A byte write is a word write here: the bytes behind the BAR's number are padding.
  pci_write32(slot, window + 4u, broken("4.1.4.9.2/window-in-structure") ? 1 : pci_read8(slot, common + 4u));
  uint32_t offset = pci_read32(slot, common + 8u) + COMMON_STATUS;
  pci_write32(slot, window + 8u, broken("4.1.4.9.2/window-aligned") ? offset + 2 : offset);
  if (!broken("4.1.4.9.2/window-aligned"))
    pci_read8(slot, window + 16u);
}

// What a driver must take as it comes, and one that breaks the rule does not.
static bool refuses_function(unsigned slot)
{
  if (broken("4.1.2.1/match-modern") && pci_read16(slot, PCI_DEVICE_ID) >= 0x1040)
    return true;
  if (broken("4.1.2.1/match-transitional") && pci_read16(slot, PCI_DEVICE_ID) < 0x1040)
    return true;
  return broken("4.1.2.1/any-revision") && pci_read8(slot, PCI_REVISION) > 1;
}

static bool refuses_capability(unsigned slot, uint8_t at)
{
  uint8_t length = pci_read8(slot, at + 2u), type = pci_read8(slot, at + 3u);
  bool strict = broken("4.1.4.1/long-structure") || broken("2.5.1/no-size-limit") || broken("2.5.1/large-enough");
  if (strict && type == 4 && pci_read32(slot, at + 12u) > 64)
    return true;
  if (broken("4.1.4.1/long-capability") && length != 16 && length != 20)
    return true;
  return broken("4.1.4.1/reserved-type") && (type == 0 || type > 9);
}

// Data of a vendor's own: another's tell a driver nothing.
static void look_at_vendor_data(unsigned slot, uint8_t at)
{
  if (broken("4.1.4.8.2/vendor-id"))
    pci_read32(slot, at + 8u);
  else
    pci_read16(slot, at + 4u);
}

static bool find_pci(struct driver *driver, unsigned type)
{
  unsigned slot = 0;
  while (slot < PCI_SLOTS && virtio_type(slot) != type)
    slot++;
  if (slot == PCI_SLOTS)
    return false;
  if (refuses_function(slot))
    return false;
  driver->slot = slot;
  pci_write16(slot, PCI_COMMAND, PCI_COMMAND_IO | PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER);
  uint8_t capability[6] = {0};
  for (uint8_t at = pci_next_capability(slot, 0); at != 0; at = pci_next_capability(slot, at)) {
    if (pci_read8(slot, at) != PCI_CAPABILITY_VENDOR)
      continue;
    if (refuses_capability(slot, at))
      return false;
    uint8_t kind = pci_read8(slot, at + 3u);
    if (kind == PCI_VENDOR_DATA)
      look_at_vendor_data(slot, at);
    bool usable = pci_read8(slot, at + 4u) < 6 || kind == PCI_WINDOW || broken("4.1.4.1/reserved-bar");
    bool first = capability[kind <= PCI_WINDOW ? kind : 0] == 0 || broken("4.1.4.1/first-instance");
    if (kind >= 1 && kind <= PCI_WINDOW && first && usable)
      capability[kind] = at;
  }
  uintptr_t *places[] = {0, &driver->common, &driver->notify, &driver->isr, &driver->config};
  for (unsigned kind = 1; kind < PCI_WINDOW; kind++) {
    uint8_t at = capability[kind];
    if (at == 0 || pci_read8(slot, at + 4u) > 5)
      return false;
    *places[kind] = pci_bar(slot, pci_read8(slot, at + 4u)) + pci_read32(slot, at + 8u);
  }
  driver->multiplier = pci_read32(slot, capability[2] + 16u);
  if (broken("4.1.4.1/capability-read-only"))
    pci_write32(slot, capability[1] + 8u, 0);
  try_window(driver, capability[PCI_WINDOW], capability[1]);
  driver->msix = pci_enable_msix(slot, 0, DRIVER_VECTOR);
  if (!driver->msix && (broken("4.1.5.1.2.2/any-table-size") || broken("4.1.5.4.2/shared-interrupt")))
    return false;
  if (broken("4.1.4.5.2/no-isr-with-msix"))
    mmio_read8(driver->isr);
  return true;
}

bool driver_find(struct driver *driver, unsigned type)
{
  return driver->mmio ? find_mmio(driver, type) : find_pci(driver, type);
}

static uint64_t read_features(struct driver *driver)
{
  uint64_t features = 0;
  for (unsigned word = 0; word < 2; word++) {
    if (driver->mmio) {
      if (!broken("4.2.2.2/select-device"))
        mmio_write32(driver->common + MMIO_DEVICE_FEATURES_SEL, word);
      features |= (uint64_t)mmio_read32(driver->common + MMIO_DEVICE_FEATURES) << 32 * word;
    } else {
      mmio_write32(driver->common + COMMON_DEVICE_FEATURE_SELECT, word);
      features |= (uint64_t)mmio_read32(driver->common + COMMON_DEVICE_FEATURE) << 32 * word;
    }
  }
  return features;
}

static void write_features(struct driver *driver, uint64_t features)
{
  for (unsigned word = 0; word < 2; word++) {
    uint32_t half = (uint32_t)(features >> 32 * word);
    if (driver->mmio) {
      if (!broken("4.2.2.2/select-driver"))
        mmio_write32(driver->common + MMIO_DRIVER_FEATURES_SEL, word);
      mmio_write32(driver->common + MMIO_DRIVER_FEATURES, half);
    } else {
      mmio_write32(driver->common + COMMON_DRIVER_FEATURE_SELECT, word);
      mmio_write32(driver->common + COMMON_DRIVER_FEATURE, half);
    }
  }
}

// Accesses that a driver has no business with.
static void break_accesses(struct driver *driver)
{
  if (broken("4.1.3.1/field-width"))
    mmio_read16(driver->common + COMMON_DEVICE_FEATURE_SELECT);
  if (broken("4.1.4.3.2/read-only-fields"))
    mmio_write16(driver->common + COMMON_NUM_QUEUES, 1);
  if (broken("4.2.2.2/known-offsets"))
    mmio_read32(driver->common + 0x0F0);
  if (broken("4.2.2.2/read-only"))
    mmio_write32(driver->common + MMIO_VENDOR_ID, 1);
  if (broken("4.2.2.2/write-only"))
    mmio_read32(driver->common + MMIO_QUEUE_SEL);
  if (broken("4.2.2.2/control-width"))
    mmio_read8(driver->common + MMIO_STATUS);
  if (broken("4.2.3.1.1/no-shared-memory"))
    mmio_read32(driver->common + 0x0B0);
}

static uint64_t choose_features(struct driver *driver, uint64_t wanted)
{
  uint64_t offered = broken("2.2.1/validates") ? wanted | F_VERSION_1 : read_features(driver);
  driver->offered = offered;
  uint64_t features = offered & (wanted | F_VERSION_1);
  if (broken("2.2.1/only-offered"))
    features |= F_ACCESS_PLATFORM;
  if (broken("2.2.1/reserved-bits"))
    features |= F_RESERVED;
  if (broken("6.1/no-sr-iov"))
    features |= F_SR_IOV;
  const struct {
    const char *clause;
    uint64_t feature;
  } refused[] = {{"6.1/version-1", F_VERSION_1},
                 {"6.1/access-platform", F_ACCESS_PLATFORM},
                 {"6.1/order-platform", F_ORDER_PLATFORM},
                 {"6.1/notif-config-data", F_NOTIF_CONFIG_DATA},
                 {"5.2.6.1/read-only", F_BLK_RO}};
  for (unsigned i = 0; i < sizeof refused / sizeof refused[0]; i++)
    if (broken(refused[i].clause))
      features &= ~refused[i].feature;
  return features;
}

bool driver_begin(struct driver *driver, uint64_t wanted)
{
  driver->wanted = wanted;
  driver_reset(driver);
  break_accesses(driver);
  unsigned status = 0;
  if (broken("3.1.1/sequence"))
    write_status(driver, status |= STATUS_DRIVER);
  write_status(driver, status |= STATUS_ACKNOWLEDGE);
  if (!broken("2.1.1/steps-by-status"))
    write_status(driver, status |= STATUS_DRIVER);
  if (broken("2.1.1/reset-after-failed"))
    write_status(driver, status |= STATUS_FAILED);
  driver->features = choose_features(driver, wanted);
  if (driver->offered & F_RESERVED && (broken("2.2.1/unknown-is-fine") || broken("2.2.1/compatible")))
    return false;
  if (broken("3.1.1/config-read-only"))
    config_write8(driver, 32, 1);
  if (broken("5.2.5.1/writeback-late"))
    config_read8(driver, 32);
  write_features(driver, driver->features);
  write_status(driver, status |= STATUS_FEATURES_OK);
  if (!(read_status(driver) & STATUS_FEATURES_OK)) {
    if (broken("3.1.1/stops-when-failed"))
      write_status(driver, status | STATUS_DRIVER_OK);
    else if (!broken("3.1.1/failed"))
      write_status(driver, status | STATUS_FAILED);
    return false;
  }
  if (broken("3.1.1/features-final"))
    write_features(driver, driver->features);
  return true;
}

void driver_reset(struct driver *driver)
{
  write_status(driver, 0);
  if (broken("2.4.2/reset-complete") || broken("4.1.4.3.2/waits-for-reset"))
    return;
  for (;;) {
    uint8_t status = read_status(driver);
    if (status == 0 || status == GONE)
      return;
  }
}

bool driver_needs_reset(struct driver *driver)
{
  return (read_status(driver) & STATUS_NEEDS_RESET) != 0;
}

bool driver_gone(struct driver *driver)
{
  return read_status(driver) == GONE;
}

void driver_ready(struct driver *driver)
{
  if (broken("3.1.1/no-early-notify"))
    queue_notify(driver, &driver->queue[0]);
  unsigned steps = STATUS_ACKNOWLEDGE | STATUS_FEATURES_OK | (broken("2.1.1/steps-by-status") ? 0 : STATUS_DRIVER);
  if (broken("2.1.1/never-clears"))
    steps = STATUS_FEATURES_OK;
  write_status(driver, steps | STATUS_DRIVER_OK);
}

static void clear(uintptr_t memory)
{
  for (unsigned i = 0; i < sizeof queue_memory[0]; i++)
    ((volatile uint8_t *)memory)[i] = 0;
}

static void write_address(uintptr_t low, uint64_t address)
{
  mmio_write32(low, (uint32_t)address);
  mmio_write32(low + 4, (uint32_t)(address >> 32));
}

static void lay_out(struct driver *driver, struct queue *queue, unsigned index)
{
  uintptr_t memory = (uintptr_t)queue_memory[index];
  clear(memory);
  *queue = (struct queue){.index = (uint16_t)index, .size = queue->size, .next_wrap = true, .used_wrap = true};
  bool packed = (driver->features & F_RING_PACKED) != 0;
  queue->descriptors = memory;
  queue->driver_area = memory + 4096;
  queue->device_area = memory + 2 * 4096;
  if (broken("2.7.1/alignment") && !packed)
    queue->driver_area++;
  if (broken("2.8.11/alignment") && packed)
    queue->driver_area += 2;
  if (broken("2.7.10.1/used-flags-init"))
    *(volatile uint16_t *)queue->device_area = 1;
}

static void set_up_vector(struct driver *driver)
{
  if (!driver->msix)
    return;
  uint16_t vector = broken("4.1.5.1.2.2/vector-in-table") ? 0x700 : 0;
  mmio_write16(driver->common + COMMON_QUEUE_VECTOR, vector);
  if (!broken("4.1.5.1.2.2/verifies-vector"))
    mmio_read16(driver->common + COMMON_QUEUE_VECTOR);
}

static void set_up_pci(struct driver *driver, struct queue *queue, unsigned index)
{
  uintptr_t common = driver->common;
  mmio_write16(common + COMMON_QUEUE_SELECT, (uint16_t)index);
  uint16_t largest = mmio_read16(common + COMMON_QUEUE_SIZE);
  queue->size = largest < QUEUE_SIZE ? largest : QUEUE_SIZE;
  if (broken("4.1.4.3.2/split-size"))
    queue->size = 12;
  if (broken("4.1.4.3.2/packed-size"))
    mmio_write16(common + COMMON_QUEUE_SIZE, 0);
  mmio_write16(common + COMMON_QUEUE_SIZE, queue->size);
  lay_out(driver, queue, index);
  if (broken("4.1.4.3.2/enable-last"))
    mmio_write16(common + COMMON_QUEUE_ENABLE, 1);
  write_address(common + COMMON_QUEUE_DESC, queue->descriptors);
  write_address(common + COMMON_QUEUE_DRIVER, queue->driver_area);
  write_address(common + COMMON_QUEUE_DEVICE, queue->device_area);
  set_up_vector(driver);
  queue->notify = driver->notify + driver->multiplier * mmio_read16(common + COMMON_QUEUE_NOTIFY_OFF);
  mmio_write16(common + COMMON_QUEUE_ENABLE, 1);
  if (broken("4.1.4.3.2/no-disable"))
    mmio_write16(common + COMMON_QUEUE_ENABLE, 0);
}

static void set_up_mmio(struct driver *driver, struct queue *queue, unsigned index)
{
  uintptr_t base = driver->common;
  mmio_write32(base + MMIO_QUEUE_SEL, index);
  uint32_t largest = mmio_read32(base + MMIO_QUEUE_SIZE_MAX);
  queue->size = largest < QUEUE_SIZE ? (uint16_t)largest : QUEUE_SIZE;
  mmio_write32(base + MMIO_QUEUE_SIZE, broken("4.2.2.2/queue-size") ? 2 * largest : queue->size);
  lay_out(driver, queue, index);
  write_address(base + MMIO_QUEUE_DESC, queue->descriptors);
  write_address(base + MMIO_QUEUE_DRIVER, queue->driver_area);
  write_address(base + MMIO_QUEUE_DEVICE, queue->device_area);
  mmio_write32(base + MMIO_QUEUE_READY, 1);
  if (broken("4.2.2.2/ready-untouched"))
    mmio_write32(base + MMIO_QUEUE_SIZE, queue->size);
  queue->notify = base + MMIO_QUEUE_NOTIFY;
}

void driver_queue(struct driver *driver, unsigned index)
{
  if (driver->mmio)
    set_up_mmio(driver, &driver->queue[index], index);
  else
    set_up_pci(driver, &driver->queue[index], index);
}

void driver_queue_reset(struct driver *driver, unsigned index)
{
  uintptr_t select = driver->common + (driver->mmio ? MMIO_QUEUE_SEL : COMMON_QUEUE_SELECT);
  if (driver->mmio)
    mmio_write32(select, index);
  else
    mmio_write16(select, (uint16_t)index);
  if (driver->mmio && driver->features & F_RING_RESET) {
    mmio_write32(driver->common + MMIO_QUEUE_RESET, 1);
    if (!broken("4.2.2.2/waits-for-queue-reset"))
      while (mmio_read32(driver->common + MMIO_QUEUE_RESET) != 0)
        ;
    driver_queue(driver, index);
    return;
  }
  if (driver->mmio) {
    // Without the feature a queue is taken back by QueueReady, read back (4.2.2.2).
    mmio_write32(driver->common + MMIO_QUEUE_READY, 0);
    if (!broken("4.2.2.2/not-ready-read-back"))
      mmio_read32(driver->common + MMIO_QUEUE_READY);
    driver_queue(driver, index);
    return;
  }
  mmio_write16(driver->common + COMMON_QUEUE_RESET, 1);
  if (!broken("2.6.1.1.2/verify-reset") && !broken("4.1.4.3.2/waits-for-queue-reset"))
    while (mmio_read16(driver->common + COMMON_QUEUE_RESET) != 0)
      ;
  if (broken("2.6.1.2.2/configure-again"))
    mmio_write16(driver->common + COMMON_QUEUE_ENABLE, 1);
  else
    driver_queue(driver, index);
}

uint8_t config_read8(struct driver *driver, unsigned offset)
{
  return mmio_read8(driver->config + offset);
}

uint16_t config_read16(struct driver *driver, unsigned offset)
{
  return mmio_read16(driver->config + offset);
}

uint32_t config_read32(struct driver *driver, unsigned offset)
{
  return mmio_read32(driver->config + offset);
}

uint32_t config_generation(struct driver *driver)
{
  return driver->mmio ? mmio_read32(driver->common + MMIO_GENERATION)
                      : mmio_read8(driver->common + COMMON_GENERATION);
}

uint64_t config_read64(struct driver *driver, unsigned offset)
{
  if (broken("2.5.1/generation"))
    return config_read32(driver, offset) | (uint64_t)config_read32(driver, offset + 4) << 32;
  for (;;) {
    uint32_t before = config_generation(driver);
    uint64_t value = config_read32(driver, offset) | (uint64_t)config_read32(driver, offset + 4) << 32;
    if (config_generation(driver) == before)
      return value;
  }
}

void config_write8(struct driver *driver, unsigned offset, uint8_t value)
{
  mmio_write8(driver->config + offset, value);
}

void driver_follow_config(struct driver *driver, void (*again)(struct driver *driver))
{
  uint32_t known = config_generation(driver);
  for (unsigned i = 0; i < CHANGE_LOOKS; i++) {
    wait_ms(100);
    uint32_t now = config_generation(driver);
    if (now == known)
      continue;
    known = now;
    again(driver);
  }
}
