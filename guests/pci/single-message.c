// MSI (PCI Local Bus 3.0, 6.8.1), by a disk that has it instead of MSI-X.
#include "lib/check.h"
#include "lib/idt.h"
#include "lib/lapic.h"
#include "lib/pci.h"
#include "lib/wait.h"
#include "pci/parts.h"
#include "pci/worker.h"

#define VECTOR 0x59
#define OTHER_VECTOR 0x5A
#define ISR_QUEUE 1

static struct worker worker;
static uint8_t capability;
static volatile uint32_t messages, others;

static void on_message(struct interrupt_frame *frame)
{
  (void)frame;
  messages++;
  lapic_eoi();
}

static void on_other(struct interrupt_frame *frame)
{
  (void)frame;
  others++;
  lapic_eoi();
}

static bool find(void)
{
  for (unsigned nth = 0; worker_find(&worker, VDEV_BLOCK, nth, VDEV_MODERN); nth++) {
    capability = pci_capability(worker.dev.slot, PCI_CAPABILITY_MSI);
    if (capability != 0)
      return true;
  }
  return false;
}

static uint32_t read(unsigned offset)
{
  return pci_read32(worker.dev.slot, capability + offset);
}

static void write(unsigned offset, uint32_t value)
{
  pci_write32(worker.dev.slot, capability + offset, value);
}

static void control(uint16_t bits)
{
  pci_write16(worker.dev.slot, capability + MSI_CONTROL, bits);
}

static void check_came(const char *name, uint32_t wanted)
{
  settle();
  check_dec(name, messages == wanted, messages);
  messages = 0;
}

static void check_registers(void)
{
  uint16_t bits = pci_read16(worker.dev.slot, capability + MSI_CONTROL);
  check_hex("msi-control", bits == (MSI_64BIT | MSI_MASKING), bits);
  check("msi-alone", pci_capability(worker.dev.slot, PCI_CAPABILITY_MSIX) == 0);
  write(MSI_ADDRESS, LAPIC_BASE | (uint32_t)lapic_id() << 12 | 3);
  check_hex("msi-address", read(MSI_ADDRESS) == (LAPIC_BASE | (uint32_t)lapic_id() << 12), read(MSI_ADDRESS));
  pci_write16(worker.dev.slot, capability + MSI_DATA, VECTOR);
  // One message: one bit of each, of which the pending one is the device's.
  write(MSI_MASK, 0xFFFFFFFF);
  write(MSI_PENDING, 0xFFFFFFFF);
  check_hex("msi-mask", read(MSI_MASK) == 1, read(MSI_MASK));
  check_hex("msi-pending", read(MSI_PENDING) == 0, read(MSI_PENDING));
  write(MSI_MASK, 0);
}

static void check_sent(void)
{
  // More messages than it has are not granted.
  control(MSI_ENABLE | 5 << 4);
  bool answered = worker_works(&worker);
  check("msi-no-pin", answered && !worker_asserts_pin(&worker));
  check_came("msi-sent", 1);
  uint8_t isr = vdev_isr(&worker.dev);
  check_hex("msi-isr", isr == ISR_QUEUE, isr);
}

static void check_masked(void)
{
  write(MSI_MASK, 1);
  bool answered = worker_works(&worker) && worker_works(&worker);
  check_hex("msi-masked-pending", answered && read(MSI_PENDING) == 1, read(MSI_PENDING));
  check_came("msi-masked", 0);
  // What is sent is what is there when it is sent.
  pci_write16(worker.dev.slot, capability + MSI_DATA, OTHER_VECTOR);
  write(MSI_MASK, 0);
  check_came("msi-changed-from", 0);
  check_dec("msi-changed", others == 1 && read(MSI_PENDING) == 0, others);
  pci_write16(worker.dev.slot, capability + MSI_DATA, VECTOR);
}

static void check_elsewhere(void)
{
  write(MSI_UPPER_ADDRESS, 1);
  check("msi-elsewhere-answered", worker_works(&worker));
  check_came("msi-elsewhere", 0);
  write(MSI_UPPER_ADDRESS, 0);
}

static void check_disabled(void)
{
  control(0);
  bool answered = worker_works(&worker);
  check("msi-disabled-pin", answered && worker_asserts_pin(&worker));
  check_came("msi-disabled", 0);
  vdev_isr(&worker.dev);
  check("msi-disabled-read", !worker_asserts_pin(&worker));
}

void check_single_message(void)
{
  bool found = find();
  check("msi", found);
  if (!found)
    return;
  set_handler(VECTOR, on_message);
  set_handler(OTHER_VECTOR, on_other);
  check("msi-start", worker_start(&worker, BY_PIN, 2));
  check_registers();
  check_sent();
  check_masked();
  check_elsewhere();
  check_disabled();
  vdev_reset(&worker.dev);
}
