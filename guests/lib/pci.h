// Configuration space of PCI bus 0, by ports 0xCF8 and 0xCFC (PCI Local Bus 3.0, 3.2.2.3.2).
#pragma once
#include <stdbool.h>
#include <stdint.h>

#define PCI_VENDOR_ID 0x00
#define PCI_DEVICE_ID 0x02
#define PCI_COMMAND 0x04
#define PCI_STATUS 0x06
#define PCI_REVISION 0x08
#define PCI_CLASS 0x0A
#define PCI_CACHE_LINE_SIZE 0x0C
#define PCI_HEADER_TYPE 0x0E
#define PCI_BAR 0x10
#define PCI_SUBSYSTEM_ID 0x2E
#define PCI_CAPABILITIES 0x34
#define PCI_INTERRUPT_LINE 0x3C
#define PCI_INTERRUPT_PIN 0x3D

#define PCI_COMMAND_IO 1
#define PCI_COMMAND_MEMORY 2
#define PCI_COMMAND_MASTER 4
#define PCI_COMMAND_SERR 0x100
#define PCI_COMMAND_NO_INTX 0x400
#define PCI_STATUS_INTX 8

#define PCI_CAPABILITY_MSI 0x05
#define PCI_CAPABILITY_VENDOR 0x09
#define PCI_CAPABILITY_MSIX 0x11

#define PCI_BARS 6
#define PCI_BAR_IO 1
#define PCI_BAR_TYPE 6
#define PCI_BAR_64 4

// MSI, 6.8.1: registers of the capability with a 64-bit address and masks.
#define MSI_CONTROL 2
#define MSI_ADDRESS 4
#define MSI_UPPER_ADDRESS 8
#define MSI_DATA 12
#define MSI_MASK 16
#define MSI_PENDING 20
#define MSI_ENABLE 0x0001
#define MSI_64BIT 0x0080
#define MSI_MASKING 0x0100

// MSI-X, 6.8.2: registers of the capability, and of an entry of the table.
#define MSIX_CONTROL 2
#define MSIX_TABLE 4
#define MSIX_PBA 8
#define MSIX_ENABLE 0x8000
#define MSIX_FUNCTION_MASK 0x4000
#define MSIX_ENTRIES 0x07FF // less one
#define MSIX_ENTRY 16
#define MSIX_ADDRESS 0
#define MSIX_DATA 8
#define MSIX_VECTOR_CONTROL 12
#define MSIX_VECTOR_MASKED 1

#define PCI_SLOTS 32
#define PCI_NONE 0xFFFF // as a vendor ID: there is no function

// Offsets may be any; values have the width of the access.
uint8_t pci_read8(unsigned slot, unsigned offset);
uint16_t pci_read16(unsigned slot, unsigned offset);
uint32_t pci_read32(unsigned slot, unsigned offset);
void pci_write8(unsigned slot, unsigned offset, uint8_t value);
void pci_write16(unsigned slot, unsigned offset, uint16_t value);
void pci_write32(unsigned slot, unsigned offset, uint32_t value);

// The capability behind the one at `after`, 0 for the first; 0 when there is none left.
uint8_t pci_next_capability(unsigned slot, uint8_t after);
// The first capability of this kind, or 0.
uint8_t pci_capability(unsigned slot, uint8_t id);

// Where base address register `bar` leads: an address, or a port.
uint64_t pci_bar(unsigned slot, unsigned bar);
// Its bytes, by writing ones; 0 when there is no such register. Memory and ports are off meanwhile.
uint64_t pci_bar_size(unsigned slot, unsigned bar);

// Makes vector `entry` of MSI-X interrupt this CPU at `vector`, and turns MSI-X on. False without the capability.
bool pci_enable_msix(unsigned slot, unsigned entry, uint8_t vector);
void pci_disable_msix(unsigned slot);
