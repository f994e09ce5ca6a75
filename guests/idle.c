// Sleeps for ever with nothing to wake it: the machine must use no time. It has no END line.
#include "lib/boot.h"
#include "lib/check.h"
#include "lib/cpu.h"
#include "lib/idt.h"
#include "lib/pic.h"

const char guest_name[] = "idle";

void kmain(const struct boot_info *boot)
{
  (void)boot;
  idt_init();
  pic_mask_all();
  check("started", true);
  for (;;)
    wait_for_interrupt();
}
