// Configuration mechanism #1 (PCI Local Bus 3.0, 3.2.2.3.2) and enhanced configuration access (PCI Express Base 5.0, 7.2.2).
#include "lib/acpi.h"
#include "lib/check.h"
#include "lib/io.h"
#include "lib/pci.h"
#include "pci/parts.h"

#define ADDRESS 0xCF8
#define DATA 0xCFC
#define ENABLE 0x80000000u
#define BUS(n) ((n) << 16)
#define SLOT(n) ((n) << 11)
#define FUNCTION(n) ((n) << 8)
#define SPACE 0x100
#define EXTENDED 0x100
#define ONES 0xFFFFFFFFu

#define HOST_BRIDGE 0x0600
#define ISA_BRIDGE 0x0601

static uint64_t ecam;

static uint64_t at(unsigned slot, unsigned offset)
{
  return ecam + (uint64_t)slot * 0x8000 + offset;
}

// The first offset at which an access of `size` bytes by one of the ways differs from the doublewords by ports; or SPACE.
static unsigned difference(unsigned slot, unsigned size)
{
  for (unsigned offset = 0; offset < SPACE; offset += size) {
    uint32_t expected = pci_read32(slot, offset & ~3u) >> 8 * (offset & 3);
    uint32_t ports, memory;
    if (size == 1) {
      ports = pci_read8(slot, offset);
      memory = mmio_read8(at(slot, offset));
      expected &= 0xFF;
    } else if (size == 2) {
      ports = pci_read16(slot, offset);
      memory = mmio_read16(at(slot, offset));
      expected &= 0xFFFF;
    } else {
      ports = expected;
      memory = mmio_read32(at(slot, offset));
    }
    if (ports != expected || memory != expected)
      return offset;
  }
  return SPACE;
}

static void check_reads(unsigned slot)
{
  unsigned bytes = difference(slot, 1), words = difference(slot, 2), doublewords = difference(slot, 4);
  check_hex(numbered("slot", slot, "-bytes"), bytes == SPACE, bytes);
  check_hex(numbered("slot", slot, "-words"), words == SPACE, words);
  check_hex(numbered("slot", slot, "-doublewords"), doublewords == SPACE, doublewords);
  // A conventional function has no more (7.2.2: unsupported requests are completed with all ones; some give zeroes).
  uint32_t extended = mmio_read32(at(slot, EXTENDED));
  check_hex(numbered("slot", slot, "-extended"), extended == ONES || extended == 0, extended);
}

// What one way writes the other reads, and no byte more than that is written.
static void check_writes(unsigned slot)
{
  uint32_t line = pci_read32(slot, PCI_INTERRUPT_LINE);
  pci_write8(slot, PCI_INTERRUPT_LINE, 0xA5);
  uint32_t read = mmio_read32(at(slot, PCI_INTERRUPT_LINE));
  check_hex("write-byte-ports", read == ((line & ~0xFFu) | 0xA5), read);
  mmio_write8(at(slot, PCI_INTERRUPT_LINE), (uint8_t)line);
  read = pci_read32(slot, PCI_INTERRUPT_LINE);
  check_hex("write-byte-memory", read == line, read);

  uint32_t command = pci_read32(slot, PCI_COMMAND);
  pci_write16(slot, PCI_COMMAND, (uint16_t)(command | PCI_COMMAND_SERR));
  read = mmio_read32(at(slot, PCI_COMMAND));
  check_hex("write-word-ports", read == (command | PCI_COMMAND_SERR), read);
  mmio_write16(at(slot, PCI_COMMAND), (uint16_t)command);
  read = pci_read32(slot, PCI_COMMAND);
  check_hex("write-word-memory", read == command, read);
  pci_write8(slot, PCI_COMMAND + 1, (uint8_t)((command | PCI_COMMAND_NO_INTX) >> 8));
  read = pci_read32(slot, PCI_COMMAND);
  check_hex("write-odd-byte", read == (command | PCI_COMMAND_NO_INTX), read);
  mmio_write32(at(slot, PCI_COMMAND), command & 0xFFFF);
  read = pci_read32(slot, PCI_COMMAND);
  check_hex("write-doubleword-memory", read == command, read);

  uint32_t id = pci_read32(slot, PCI_VENDOR_ID);
  pci_write32(slot, PCI_VENDOR_ID, ~id);
  mmio_write16(at(slot, PCI_VENDOR_ID), 0);
  read = pci_read32(slot, PCI_VENDOR_ID);
  check_hex("write-read-only", read == id, read);
}

static void check_address_register(unsigned slot)
{
  uint32_t address = ENABLE | SLOT(slot);
  out32(ADDRESS, address);
  uint32_t id = in32(DATA);
  // Only doublewords are the register's.
  out8(ADDRESS, 0x44);
  out16(ADDRESS, 0);
  uint32_t read = in32(ADDRESS);
  check_hex("address-narrow", read == address, read);
  check_hex("address-kept", in32(DATA) == id, in32(DATA));

  uint32_t line = pci_read32(slot, PCI_INTERRUPT_LINE);
  out32(ADDRESS, SLOT(slot) | PCI_INTERRUPT_LINE);
  read = in32(DATA);
  out8(DATA, 0x5A);
  check_hex("address-disabled", read == ONES, read);
  check_hex("address-disabled-write", pci_read32(slot, PCI_INTERRUPT_LINE) == line, line);

  out32(ADDRESS, ENABLE | BUS(1) | SLOT(slot));
  read = in32(DATA);
  check_hex("no-bus", read == ONES, read);
  out32(ADDRESS, ENABLE | SLOT(slot) | FUNCTION(1));
  read = in32(DATA);
  bool multifunction = (pci_read8(slot, PCI_HEADER_TYPE) & 0x80) != 0;
  check_hex("no-function", read == ONES && !multifunction, read);
  unsigned empty = 0;
  while (empty < PCI_SLOTS - 1 && pci_read16(empty, PCI_VENDOR_ID) != PCI_NONE)
    empty++;
  bool none = pci_read8(empty, 0) == 0xFF && pci_read32(empty, 8) == ONES && mmio_read32(at(empty, 0)) == ONES;
  check_dec("no-device", none, empty);
}

void check_configuration(const struct boot_info *boot)
{
  ecam = acpi_ecam(boot->rsdp);
  check_hex("ecam", ecam != 0, ecam);
  if (ecam == 0)
    return;
  uint32_t isa_bridge = 0;
  unsigned slot_with_pin = PCI_SLOTS;
  for (unsigned slot = 0; slot < PCI_SLOTS; slot++) {
    if (pci_read16(slot, PCI_VENDOR_ID) == PCI_NONE)
      continue;
    check_reads(slot);
    if (pci_read16(slot, PCI_CLASS) == ISA_BRIDGE)
      isa_bridge = pci_read32(slot, PCI_VENDOR_ID);
    if (pci_read8(slot, PCI_INTERRUPT_PIN) != 0)
      slot_with_pin = slot;
  }
  uint32_t host_bridge = pci_read32(0, PCI_VENDOR_ID);
  check_hex("host-bridge", pci_read16(0, PCI_CLASS) == HOST_BRIDGE, host_bridge);
  check_hex("isa-bridge", isa_bridge != 0, isa_bridge);
  check_dec("pin", slot_with_pin < PCI_SLOTS, slot_with_pin);
  if (slot_with_pin == PCI_SLOTS)
    return;
  check_writes(slot_with_pin);
  check_address_register(slot_with_pin);
}
