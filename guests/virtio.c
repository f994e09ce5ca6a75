// Drives the virtio devices of the PCI bus: interface=modern|legacy interrupt=msix|intx|none disk-write=1
#include "lib/args.h"
#include "lib/boot.h"
#include "lib/check.h"
#include "lib/cpu.h"
#include "lib/idt.h"
#include "lib/io.h"
#include "lib/ioapic.h"
#include "lib/lapic.h"
#include "lib/pci.h"
#include "lib/print.h"
#include "lib/strings.h"
#include "lib/virtio.h"
#include "lib/wait.h"

#define VECTOR 0x55
#define ECAM 0xE0000000u
#define ECAM_SLOT 0x8000u

#define SECTOR 512
#define BLOCK_IN 0
#define BLOCK_OUT 1
#define BLOCK_FLUSH 4
#define BLOCK_GET_ID 8
#define BLOCK_DISCARD 11
#define BLOCK_WRITE_ZEROES 13
#define RANGE_UNMAP 1
#define STATUS_OK 0
#define STATUS_IOERR 1
#define STATUS_UNSUPP 2

const char guest_name[] = "virtio";

static enum { MSIX, INTX, NONE } interrupt_mode;
static bool legacy;

static struct virtio_device device;
static volatile uint32_t interrupts;
static uint32_t used_length;

static void on_interrupt(struct interrupt_frame *frame)
{
  (void)frame;
  interrupts++;
  // Reading lowers the line of INTx.
  if (interrupt_mode == INTX)
    virtio_isr(&device);
  lapic_eoi();
}

static bool done(void)
{
  return virtio_done(&device, &used_length);
}

static bool start(unsigned slot)
{
  interrupts = 0;
  pci_disable_msix(slot);
  if (interrupt_mode == MSIX && !pci_enable_msix(slot, 0, VECTOR))
    return false;
  if (interrupt_mode == INTX)
    ioapic_route(pci_read8(slot, PCI_INTERRUPT_LINE), VECTOR | RTE_LEVEL, lapic_id());
  return virtio_start(&device, slot, legacy, interrupt_mode == MSIX ? 0 : -1);
}

// Sends one request and waits until it is done, and for its interrupt.
static bool request(const struct virtio_buffer *buffers, unsigned count)
{
  uint32_t before = interrupts;
  virtio_send(&device, buffers, count);
  if (!wait_until(done))
    return false;
  return interrupt_mode == NONE || wait_for_count(&interrupts, before + 1);
}

static void check_configuration_space(unsigned slot)
{
  uint32_t by_ports = pci_read32(slot, 0);
  uint32_t by_memory = mmio_read32(ECAM + slot * ECAM_SLOT);
  check_hex(numbered("slot", slot, "-ecam"), by_ports == by_memory, by_memory);
  bool has_ports = (pci_read32(slot, PCI_BAR) & 1) != 0;
  check_dec(numbered("slot", slot, "-legacy"), has_ports == legacy || !legacy, has_ports);
  uint64_t size = pci_bar_size(slot, 1);
  check_dec(numbered("slot", slot, "-msix-bar"), size == 4096, size);
  uint8_t line = pci_read8(slot, PCI_INTERRUPT_LINE);
  check_dec(numbered("slot", slot, "-line"), line == 5 || line == 10 || line == 11, line);
}

static void check_entropy(unsigned slot)
{
  check("rng-start", start(slot));
  static volatile uint8_t bytes[64];
  struct virtio_buffer buffer = {bytes, sizeof bytes, true};
  check("rng-request", request(&buffer, 1));
  check_dec("rng-length", used_length == sizeof bytes, used_length);
  unsigned different = 0;
  for (unsigned i = 1; i < sizeof bytes; i++)
    different += bytes[i] != bytes[i - 1];
  // 63 neighbours that are all but equal come out once in 10^100 times.
  check_dec("rng-random", different > 20, different);
  virtio_reset(&device);
  check_dec("rng-interrupts", interrupts == (interrupt_mode == NONE ? 0 : 1), interrupts);
}

static uint8_t status;

// One request of the block device; its status, or 0xFF when it does not come back.
static uint8_t block_request(uint32_t type, uint64_t sector, void *data, uint32_t length)
{
  static struct {
    uint32_t type, reserved;
    uint64_t sector;
  } header;
  header.type = type;
  header.sector = sector;
  status = 0xFF;
  struct virtio_buffer buffers[3] = {{&header, sizeof header, false}};
  unsigned count = 1;
  if (length > 0)
    buffers[count++] = (struct virtio_buffer){data, length, type == BLOCK_IN || type == BLOCK_GET_ID};
  buffers[count++] = (struct virtio_buffer){&status, 1, true};
  return request(buffers, count) ? *(volatile uint8_t *)&status : 0xFF;
}

// A discard or write-zeroes request of one range (5.2.6.2).
static uint8_t range_request(uint32_t type, uint64_t sector, uint32_t sectors, uint32_t flags)
{
  static struct {
    uint64_t sector;
    uint32_t sectors, flags;
  } range;
  range.sector = sector;
  range.sectors = sectors;
  range.flags = flags;
  return block_request(type, 0, &range, sizeof range);
}

// The two sectors at `sector` read as zeroes.
static bool reads_zeroes(uint64_t sector)
{
  static uint8_t data[2 * SECTOR];
  for (unsigned i = 0; i < sizeof data; i++)
    data[i] = 0xEE;
  bool zeroes = block_request(BLOCK_IN, sector, data, sizeof data) == STATUS_OK;
  for (unsigned i = 0; i < sizeof data; i++)
    zeroes = zeroes && ((volatile uint8_t *)data)[i] == 0;
  return zeroes;
}

static void check_ranges(uint64_t sector)
{
  uint8_t zeroed = range_request(BLOCK_WRITE_ZEROES, sector, 2, 0);
  check_dec("disk-write-zeroes", zeroed == STATUS_OK && reads_zeroes(sector), zeroed);
  uint8_t unmapped = range_request(BLOCK_WRITE_ZEROES, sector, 2, RANGE_UNMAP);
  check_dec("disk-unmap", unmapped == STATUS_OK && reads_zeroes(sector), unmapped);
  uint8_t discarded = range_request(BLOCK_DISCARD, sector, 2, 0);
  check_dec("disk-discard", discarded == STATUS_OK, discarded);
  uint8_t beyond = range_request(BLOCK_WRITE_ZEROES, sector, 3, 0);
  check_dec("disk-zeroes-beyond", beyond == STATUS_IOERR, beyond);
  uint8_t unknown = range_request(BLOCK_DISCARD, sector, 2, 1 << 5);
  check_dec("disk-unknown-flag", unknown == STATUS_UNSUPP, unknown);
}

static void check_disk(unsigned slot, bool write)
{
  static uint8_t data[2 * SECTOR], copy[2 * SECTOR];
  check("disk-start", start(slot));
  uint64_t capacity = 0;
  for (unsigned i = 0; i < 8; i++)
    capacity |= (uint64_t)virtio_config8(&device, i) << 8 * i;
  check_dec("disk-capacity", capacity >= 4, capacity);

  uint8_t read = block_request(BLOCK_IN, 0, data, sizeof data);
  check_dec("disk-read", read == STATUS_OK && used_length == sizeof data + 1, read);
  uint64_t sum = 0;
  for (unsigned i = 0; i < sizeof data; i++)
    sum += (uint64_t)data[i] * (i + 1);
  check_dec("disk-sum", true, sum);

  if (write) {
    check_ranges(capacity - 2);
    for (unsigned i = 0; i < sizeof data; i++)
      data[i] = (uint8_t)(i * 5 + 1);
    uint8_t written = block_request(BLOCK_OUT, capacity - 2, data, sizeof data);
    check_dec("disk-write", written == STATUS_OK && used_length == 1, written);
    uint8_t again = block_request(BLOCK_IN, capacity - 2, copy, sizeof copy);
    bool same = true;
    for (unsigned i = 0; i < sizeof data; i++)
      same = same && copy[i] == data[i];
    check_dec("disk-read-back", again == STATUS_OK && same, again);
    uint8_t flushed = block_request(BLOCK_FLUSH, 0, NULL, 0);
    check_dec("disk-flush", flushed == STATUS_OK, flushed);
  }
  uint8_t beyond = block_request(BLOCK_IN, capacity - 1, data, sizeof data);
  check_dec("disk-beyond", beyond == STATUS_IOERR, beyond);
  static char id[21];
  uint8_t identified = block_request(BLOCK_GET_ID, 0, id, 20);
  check_dec("disk-get-id", identified == STATUS_OK, identified);
  check_text("disk-id", true, id[0] == '\0' ? "-" : id);
  virtio_reset(&device);
}

void kmain(const struct boot_info *boot)
{
  struct text text;
  if (option(boot->command_line, "interface", &text))
    legacy = text_is(text, "legacy");
  if (option(boot->command_line, "interrupt", &text))
    interrupt_mode = text_is(text, "intx") ? INTX : text_is(text, "none") ? NONE : MSIX;
  bool write = option_number(boot->command_line, "disk-write", 0) != 0;

  idt_init();
  lapic_enable();
  set_handler(VECTOR, on_interrupt);
  unsigned functions = 0, devices = 0;
  for (unsigned slot = 0; slot < PCI_SLOTS; slot++) {
    if (pci_read16(slot, PCI_VENDOR_ID) == PCI_NONE)
      continue;
    functions++;
    unsigned type = virtio_type(slot);
    if (type == 0)
      continue;
    devices++;
    check_configuration_space(slot);
    if (type == VIRTIO_ENTROPY)
      check_entropy(slot);
    else if (type == VIRTIO_BLOCK)
      check_disk(slot, write);
  }
  check_dec("functions", functions >= 2, functions);
  check_dec("devices", true, devices);
  finish();
}
