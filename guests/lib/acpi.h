// What a program without an AML interpreter finds in the ACPI tables (ACPI 6.5, 5.2).
#pragma once
#include <stdbool.h>
#include <stdint.h>

// Where MCFG says that the configuration space of bus 0 is (PCI Firmware 3.2, 4.1.2); 0 when it does not.
uint64_t acpi_ecam(uint64_t rsdp);

// The global system interrupt that the DSDT's first `_PRT`, a package of constants, has for INTA# to INTD#, as 1 to 4, of
// a device (6.2.13); false when it has none.
bool acpi_pci_interrupt(uint64_t rsdp, unsigned slot, unsigned intx, uint32_t *gsi);
