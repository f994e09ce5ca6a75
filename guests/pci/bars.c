// Base address registers (PCI Local Bus 3.0, 6.2.5).
#include "lib/check.h"
#include "lib/idt.h"
#include "lib/io.h"
#include "lib/ioapic.h"
#include "lib/lapic.h"
#include "lib/paging.h"
#include "lib/pci.h"
#include "lib/wait.h"
#include "pci/parts.h"
#include "pci/worker.h"

#define ONES 0xFFFFFFFFu
#define IO_FLAGS 3u
#define MEMORY_FLAGS 15u
#define MESSAGES_BAR 1
#define MODERN_BAR 4
#define FAR_AWAY 0x180000000ull // above 4 GiB and above all RAM that the tests give
#define MIB 0x100000u
#define PORTS_APART 0x100u
#define PAGE 4096
#define WORKING (STATUS_ACKNOWLEDGE | STATUS_DRIVER | STATUS_FEATURES_OK | STATUS_DRIVER_OK)

static const char *const bar_names[PCI_BARS] = {"-bar0", "-bar1", "-bar2", "-bar3", "-bar4", "-bar5"};

static bool is_64(uint32_t low)
{
  return (low & (PCI_BAR_IO | PCI_BAR_TYPE)) == PCI_BAR_64;
}

// Writes ones, reads back and restores. Returns how many registers it took.
static unsigned check_size(unsigned slot, unsigned bar)
{
  unsigned offset = PCI_BAR + 4 * bar;
  uint32_t before = pci_read32(slot, offset), high = 0, high_mask = ONES;
  bool wide = is_64(before);
  pci_write32(slot, offset, ONES);
  uint32_t mask = pci_read32(slot, offset);
  if (wide) {
    high = pci_read32(slot, offset + 4);
    pci_write32(slot, offset + 4, ONES);
    high_mask = pci_read32(slot, offset + 4);
    pci_write32(slot, offset + 4, high);
  }
  pci_write32(slot, offset, before);
  const char *name = numbered("slot", slot, bar_names[bar]);
  if (mask == 0) {
    // Not implemented: it cannot be written.
    check_hex(name, before == 0, before);
    return 1;
  }
  uint32_t flags = before & PCI_BAR_IO ? IO_FLAGS : MEMORY_FLAGS;
  uint64_t size = -((uint64_t)high_mask << 32 | (mask & ~flags));
  uint64_t address = (uint64_t)high << 32 | (before & ~flags);
  bool restored = pci_read32(slot, offset) == before && (!wide || pci_read32(slot, offset + 4) == high);
  bool fits = (size & (size - 1)) == 0 && address % size == 0 && address != 0;
  check_hex(name, (mask & flags) == (before & flags) && fits && restored, size);
  return wide ? 2 : 1;
}

static void check_sizes(void)
{
  for (unsigned slot = 0; slot < PCI_SLOTS; slot++) {
    if (pci_read16(slot, PCI_VENDOR_ID) == PCI_NONE)
      continue;
    uint16_t command = pci_read16(slot, PCI_COMMAND);
    pci_write16(slot, PCI_COMMAND, command & ~(PCI_COMMAND_IO | PCI_COMMAND_MEMORY));
    for (unsigned bar = 0; bar < PCI_BARS;)
      bar += check_size(slot, bar);
    pci_write16(slot, PCI_COMMAND, command);
  }
}

// The first address, or port, behind all that functions have below 4 GiB.
static uint64_t behind_all(bool ports)
{
  uint64_t end = 0;
  for (unsigned slot = 0; slot < PCI_SLOTS; slot++) {
    if (pci_read16(slot, PCI_VENDOR_ID) == PCI_NONE)
      continue;
    for (unsigned bar = 0; bar < PCI_BARS; bar++) {
      uint32_t low = pci_read32(slot, PCI_BAR + 4 * bar);
      uint64_t last = pci_bar(slot, bar) + pci_bar_size(slot, bar);
      if (((low & PCI_BAR_IO) != 0) == ports && last < 1ull << 32 && last > end)
        end = last;
      if (is_64(low))
        bar++;
    }
  }
  uint64_t unit = ports ? PORTS_APART : MIB;
  return (end + unit) & ~(unit - 1);
}

static void set_bar(unsigned slot, unsigned bar, uint64_t address)
{
  unsigned offset = PCI_BAR + 4 * bar;
  uint16_t command = pci_read16(slot, PCI_COMMAND);
  pci_write16(slot, PCI_COMMAND, command & ~(PCI_COMMAND_IO | PCI_COMMAND_MEMORY));
  bool wide = is_64(pci_read32(slot, offset));
  pci_write32(slot, offset, (uint32_t)address);
  if (wide)
    pci_write32(slot, offset + 4, (uint32_t)(address >> 32));
  pci_write16(slot, PCI_COMMAND, command);
}

// The driver learns of its device's new place.
static void follow(struct vdev *dev, uint64_t by)
{
  dev->common += by;
  dev->notify += by;
  dev->isr += by;
  dev->config += by;
}

// A request, with its interrupt.
static bool works(struct worker *worker)
{
  uint32_t before = vdev_interrupts[0];
  return worker_works(worker) && wait_for_count(&vdev_interrupts[0], before + 1);
}

static void check_sized_at_work(struct worker *worker)
{
  unsigned slot = worker->dev.slot;
  uint64_t status = worker->dev.common + COMMON_STATUS;
  uint16_t command = pci_read16(slot, PCI_COMMAND);
  pci_write16(slot, PCI_COMMAND, command & ~PCI_COMMAND_MEMORY);
  uint64_t size = pci_bar_size(slot, MODERN_BAR);
  uint8_t off = mmio_read8(status);
  pci_write16(slot, PCI_COMMAND, command);
  check_hex("sized-off", off == 0xFF, off);
  check_hex("sized-works", works(worker), size);
  // Some do not switch decoding off for it.
  for (unsigned bar = MODERN_BAR; bar < PCI_BARS; bar++) {
    uint32_t before = pci_read32(slot, PCI_BAR + 4 * bar);
    pci_write32(slot, PCI_BAR + 4 * bar, ONES);
    off = mmio_read8(status);
    pci_write32(slot, PCI_BAR + 4 * bar, before);
    check_hex(numbered("sized-on", bar, ""), off == 0xFF && mmio_read8(status) == WORKING, off);
  }
  check("sized-on-works", works(worker));
}

static void check_moved(struct worker *worker, uint64_t to, const char *name)
{
  struct vdev *dev = &worker->dev;
  uint64_t from = pci_bar(dev->slot, MODERN_BAR), old = dev->common + COMMON_STATUS;
  set_bar(dev->slot, MODERN_BAR, to);
  follow(dev, to - from);
  uint8_t nobody = mmio_read8(old);
  // This would be a reset.
  mmio_write8(old, 0);
  uint8_t status = vdev_status(dev);
  check_hex(name, nobody == 0xFF && status == WORKING && works(worker), status);
}

static void check_messages_moved(struct worker *worker, uint64_t to)
{
  unsigned slot = worker->dev.slot;
  uint64_t home = pci_bar(slot, MESSAGES_BAR);
  uint32_t entry = mmio_read32(home);
  // With decoding on: one write moves it.
  pci_write32(slot, PCI_BAR + 4 * MESSAGES_BAR, (uint32_t)to);
  uint32_t nobody = mmio_read32(home), there = mmio_read32(to);
  check_hex("moved-table", nobody == ONES && there == entry && entry != 0, there);
  check("moved-table-works", works(worker));
  set_bar(slot, MESSAGES_BAR, home);
}

// Where something else is, it has no effect.
static void check_in_the_way(struct worker *worker)
{
  static volatile uint32_t memory[PAGE / 4] __attribute__((aligned(PAGE)));
  unsigned slot = worker->dev.slot;
  uint64_t home = pci_bar(slot, MESSAGES_BAR);
  memory[0] = 0x600DDA7A;
  set_bar(slot, MESSAGES_BAR, (uintptr_t)memory);
  bool mine = mmio_read32((uintptr_t)memory) == 0x600DDA7A;
  mmio_write32((uintptr_t)memory, 0x12345678);
  check_hex("onto-memory", mine && memory[0] == 0x12345678, memory[0]);
  uint32_t version = ioapic_read(IOAPIC_VERSION);
  set_bar(slot, MESSAGES_BAR, IOAPIC_BASE);
  uint32_t now = ioapic_read(IOAPIC_VERSION);
  check_hex("onto-device", now == version, now);
  set_bar(slot, MESSAGES_BAR, home);
  check("back-works", works(worker));
}

static void check_ports_moved(void)
{
  struct worker worker;
  if (!worker_find(&worker, VDEV_ENTROPY, 0, VDEV_LEGACY)) {
    check("legacy-device", false);
    return;
  }
  struct vdev *dev = &worker.dev;
  bool started = worker_start(&worker, BY_MESSAGES, 0);
  uint64_t home = dev->base, to = behind_all(true);
  set_bar(dev->slot, 0, to);
  uint8_t nobody = in8((uint16_t)(home + LEGACY_STATUS));
  out8((uint16_t)(home + LEGACY_STATUS), 0);
  dev->base = to;
  check_hex("moved-ports", started && nobody == 0xFF && works(&worker), to);
  set_bar(dev->slot, 0, home);
  dev->base = home;
  check("moved-ports-back", works(&worker));
  vdev_reset(dev);
}

void check_bars(void)
{
  struct worker worker;
  check_sizes();
  if (!worker_find_entropy(&worker))
    return;
  check("bars-start", worker_start(&worker, BY_MESSAGES, 0) && works(&worker));
  check_sized_at_work(&worker);
  uint64_t home = pci_bar(worker.dev.slot, MODERN_BAR), to = behind_all(false);
  check_moved(&worker, to, "moved");
  check_messages_moved(&worker, to + MIB);
  check("far-away", map_identity(FAR_AWAY));
  check_moved(&worker, FAR_AWAY, "moved-far-away");
  check_moved(&worker, home, "moved-back");
  check_in_the_way(&worker);
  vdev_reset(&worker.dev);
  check_ports_moved();
}
