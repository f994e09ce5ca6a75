// MSI-X (PCI Local Bus 3.0, 6.8.2), by a device at work whose queue has entry 0.
#include "lib/check.h"
#include "lib/io.h"
#include "lib/lapic.h"
#include "lib/pci.h"
#include "lib/wait.h"
#include "pci/parts.h"
#include "pci/worker.h"

static struct worker worker;
static uint8_t capability;
static uint64_t table, pending;

static uint64_t entry(unsigned n)
{
  return table + MSIX_ENTRY * n;
}

static void mask(unsigned n, bool on)
{
  mmio_write32(entry(n) + MSIX_VECTOR_CONTROL, on ? MSIX_VECTOR_MASKED : 0);
}

static void control(uint16_t bits)
{
  pci_write16(worker.dev.slot, capability + MSIX_CONTROL, bits);
}

// All messages so far have been counted, and none are.
static void begin(void)
{
  settle();
  vdev_clear_interrupts();
}

// A while later, so many messages of entry `n` have come.
static void check_came(const char *name, unsigned n, uint32_t wanted)
{
  settle();
  check_dec(name, vdev_interrupts[n] == wanted, vdev_interrupts[n]);
}

static bool find(void)
{
  unsigned slot = worker.dev.slot;
  capability = pci_capability(slot, PCI_CAPABILITY_MSIX);
  if (capability == 0)
    return false;
  uint32_t where = pci_read32(slot, capability + MSIX_TABLE);
  table = pci_bar(slot, where & 7) + (where & ~7u);
  where = pci_read32(slot, capability + MSIX_PBA);
  pending = pci_bar(slot, where & 7) + (where & ~7u);
  return true;
}

static void check_registers(void)
{
  unsigned slot = worker.dev.slot;
  unsigned entries = (pci_read16(slot, capability + MSIX_CONTROL) & MSIX_ENTRIES) + 1u;
  check_dec("messages-entries", entries >= 2, entries);
  bool apart = pending >= entry(entries) || pending + 8 <= table;
  check_hex("messages-apart", apart, pending - table);
  // Both halves of an entry's quadwords, at once and one by one.
  mmio_write64(entry(1), 0xFFFFFFFFFFFFFFFC);
  uint64_t address = mmio_read64(entry(1));
  check_hex("messages-address", address == 0xFFFFFFFFFFFFFFFC, address);
  mmio_write64(entry(1), 0xFEE00000);
  mmio_write64(entry(1) + MSIX_DATA, (uint64_t)MSIX_VECTOR_MASKED << 32 | 0x1234);
  bool halves = mmio_read32(entry(1) + MSIX_DATA) == 0x1234 && mmio_read32(entry(1) + MSIX_VECTOR_CONTROL) == 1;
  check_hex("messages-halves", halves && mmio_read32(entry(1) + 4) == 0, mmio_read64(entry(1) + MSIX_DATA));
}

static void check_masked(void)
{
  begin();
  check_hex("pending-none", mmio_read64(pending) == 0, mmio_read64(pending));
  mask(0, true);
  bool answered = worker_works(&worker) && worker_works(&worker);
  uint64_t bits = mmio_read64(pending);
  check_hex("masked-pending", answered && bits == 1, bits);
  check_came("masked-silent", 0, 0);
  mmio_write64(pending, 0);
  mmio_write32(pending, 0xFFFFFFFE);
  check_hex("pending-read-only", mmio_read64(pending) == 1, mmio_read64(pending));
  mask(0, false);
  // Of two that came while it was masked there is one message.
  check_came("unmasked", 0, 1);
  check_hex("unmasked-pending", mmio_read64(pending) == 0, mmio_read64(pending));
}

static void check_function_mask(void)
{
  begin();
  control(MSIX_ENABLE | MSIX_FUNCTION_MASK);
  bool answered = worker_works(&worker);
  check_hex("function-masked", answered && mmio_read32(pending) == 1, mmio_read32(pending));
  check_came("function-silent", 0, 0);
  // A vector's own mask is apart from that.
  mask(0, true);
  control(MSIX_ENABLE);
  check_hex("function-and-vector", mmio_read32(pending) == 1, mmio_read32(pending));
  check_came("vector-silent", 0, 0);
  mask(0, false);
  check_came("function-unmasked", 0, 1);
}

// What is sent is what is there when it is sent: entry 0 leads to the handler of entry 1 then.
static void check_changed(void)
{
  begin();
  mask(0, true);
  bool answered = worker_works(&worker);
  uint32_t data = mmio_read32(entry(0) + MSIX_DATA);
  mmio_write32(entry(0) + MSIX_DATA, data + 1);
  // Nobody is there; then somebody is.
  mmio_write32(entry(0) + MSIX_ADDRESS, LAPIC_BASE | (uint32_t)(lapic_id() ^ 0x0F) << 12);
  mmio_write32(entry(0) + MSIX_ADDRESS, LAPIC_BASE | (uint32_t)lapic_id() << 12);
  check("changed-answered", answered);
  check_came("changed-silent", 1, 0);
  mask(0, false);
  check_came("changed", 1, 1);
  check_came("changed-from", 0, 0);
  mmio_write32(entry(0) + MSIX_DATA, data);
}

static void check_disabled(void)
{
  begin();
  control(0);
  bool answered = worker_works(&worker);
  check("disabled-pin", answered && worker_asserts_pin(&worker));
  check_came("disabled", 0, 0);
  vdev_isr(&worker.dev);
  control(MSIX_ENABLE);
  answered = worker_works(&worker);
  check("enabled-no-pin", answered && !worker_asserts_pin(&worker));
  check_came("enabled", 0, 1);
}

void check_messages(void)
{
  if (!worker_find_entropy(&worker))
    return;
  bool found = find();
  check("messages", found);
  if (!found)
    return;
  check_registers();
  check("messages-start", worker_start(&worker, BY_MESSAGES, 0));
  check_masked();
  check_function_mask();
  check_changed();
  check_disabled();
  vdev_reset(&worker.dev);
  pci_disable_msix(worker.dev.slot);
}
