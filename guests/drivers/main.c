// Drives one virtio device by all the rules, or breaks one: device=rng|blk|console|net|chips want=FEATURES transport=mmio
// task=WORD interrupts=1 rounds=NUMBER strict=1 break=SECTION/WORD. Drivers of chips break several, one after the other:
// break=CLAUSE,CLAUSE,… What the device's checks make of that is not its affair: it only says that it has come to its end.
#include "drivers/driver.h"

#include "lib/args.h"
#include "lib/boot.h"
#include "lib/check.h"
#include "lib/serial.h"
#include "lib/virtio.h"

const char guest_name[] = "drivers";

static const char *command_line;
static struct text to_break, to_do;

bool broken(const char *clause)
{
  return to_break.length > 0 && text_is(to_break, clause);
}

bool task(const char *word)
{
  return to_do.length > 0 && text_is(to_do, word);
}

uint64_t number(const char *key, uint64_t otherwise)
{
  return option_number(command_line, key, otherwise);
}

// Drives the chips once for each rule that is to be broken; by all the rules when there is none.
static bool drive_chips_again(void)
{
  struct text rest = to_break;
  bool done;
  do {
    uint32_t length = 0;
    while (length < rest.length && rest.start[length] != ',')
      length++;
    to_break = (struct text){rest.start, length};
    done = drive_chips();
    uint32_t skipped = length < rest.length ? length + 1 : length;
    rest = (struct text){rest.start + skipped, rest.length - skipped};
  } while (done && rest.length > 0);
  return done;
}

void kmain(const struct boot_info *boot)
{
  serial_init();
  const char *line = command_line = boot->command_line;
  static struct driver driver;
  struct text device = {"", 0}, transport;
  option(line, "break", &to_break);
  option(line, "task", &to_do);
  option(line, "device", &device);
  if (text_is(device, "chips")) {
    check("served", drive_chips_again());
    finish();
  }
  driver.mmio = option(line, "transport", &transport) && text_is(transport, "mmio");
  unsigned type = text_is(device, "blk")       ? VIRTIO_BLOCK
                  : text_is(device, "net")     ? VIRTIO_NET
                  : text_is(device, "console") ? VIRTIO_CONSOLE
                                               : VIRTIO_ENTROPY;
  bool found = driver_find(&driver, type);
  check("found", found);
  if (!found)
    finish();
  if (number("interrupts", 0))
    driver_interrupts(&driver);
  bool agreed = driver_begin(&driver, option_number(line, "want", 0));
  note_dec("agreed", agreed);
  bool done = agreed && (type == VIRTIO_BLOCK     ? drive_blk(&driver)
                         : type == VIRTIO_NET     ? drive_net(&driver)
                         : type == VIRTIO_CONSOLE ? drive_console(&driver)
                                                  : drive_rng(&driver));
  note_dec("done", done);
  note_dec("lost", driver.lost);
  driver_reset(&driver);
  done = done && !driver.lost;
  check("served", done || option_number(line, "strict", 0) == 0);
  finish();
}
