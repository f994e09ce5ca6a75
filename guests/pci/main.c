// PCI as an operating system drives it (PCI Local Bus 3.0): configuration space, base address registers, the command
// register, MSI-X, MSI, interrupt pins. Needs a transitional entropy device, a disk without MSI-X, and two devices that
// share an interrupt.
#include "pci/parts.h"

#include "lib/check.h"
#include "lib/idt.h"
#include "lib/lapic.h"
#include "lib/pic.h"

const char guest_name[] = "pci";

void kmain(const struct boot_info *boot)
{
  pic_mask_all();
  idt_init();
  lapic_enable();
  check_configuration(boot);
  check_bars();
  check_command();
  check_messages();
  check_single_message();
  check_pins(boot);
  finish();
}
