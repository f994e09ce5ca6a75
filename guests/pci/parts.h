// The parts of the program `pci`, each of which makes its checks.
#pragma once
#include "lib/boot.h"

// Both ways to configuration space, and who is there.
void check_configuration(const struct boot_info *boot);
// Base address registers: sizes, and devices that go on where they are moved to.
void check_bars(void);
// The command register.
void check_command(void);
// MSI-X.
void check_messages(void);
// MSI.
void check_single_message(void);
// Interrupt pins, by the ways that the tables tell.
void check_pins(const struct boot_info *boot);
