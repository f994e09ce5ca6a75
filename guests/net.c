// Drives a virtio network card: interface=modern|legacy interrupt=msix|none mergeable=1 frames=N
//
// It asks by ARP who 10.0.2.2 is, then answers what arrives until it has echoed `frames` UDP datagrams, or gets one that
// says "quit": ARP requests for 10.0.2.15, and UDP datagrams to any port, which it sends back to where they came from.
#include "lib/args.h"
#include "lib/boot.h"
#include "lib/check.h"
#include "lib/cpu.h"
#include "lib/idt.h"
#include "lib/lapic.h"
#include "lib/pci.h"
#include "lib/strings.h"
#include "lib/virtio.h"
#include "lib/wait.h"

#define VECTOR 0x56

// Feature bits, 5.1.3.
#define F_MAC (1u << 5)
#define F_MRG_RXBUF (1u << 15)
#define F_STATUS (1u << 16)
#define CONFIG_STATUS 6
#define LINK_UP 1

#define LEGACY_HEADER 10
#define HEADER 12

#define ETHERNET 14
#define TYPE_ARP 0x0806
#define TYPE_IPV4 0x0800
#define ARP_REQUEST 1
#define ARP_REPLY 2
#define UDP 17

#define MAX_FRAME 65550
#define QUIT "quit"

const char guest_name[] = "net";

static const uint8_t own_ip[4] = {10, 0, 2, 15};
static const uint8_t host_ip[4] = {10, 0, 2, 2};

struct packet {
  uint8_t header[HEADER];
  uint8_t frame[MAX_FRAME];
};

static struct virtio_device device;
static struct virtio_queue receive, transmit;
static uint8_t receive_memory[VIRTIO_QUEUE_MEMORY] __attribute__((aligned(VIRTIO_QUEUE_ALIGNMENT)));
static uint8_t transmit_memory[VIRTIO_QUEUE_MEMORY] __attribute__((aligned(VIRTIO_QUEUE_ALIGNMENT)));
static struct packet incoming, outgoing;
static uint8_t mac[6];
static uint32_t header_size, used_length;
static volatile uint32_t interrupts;
static bool answered, quit;
static uint64_t echoed;

static void on_interrupt(struct interrupt_frame *frame)
{
  (void)frame;
  interrupts++;
  lapic_eoi();
}

static uint16_t get16(const uint8_t *at)
{
  return (uint16_t)(at[0] << 8 | at[1]);
}

static void put16(uint8_t *at, uint32_t value)
{
  at[0] = (uint8_t)(value >> 8);
  at[1] = (uint8_t)value;
}

static void offer_buffer(void)
{
  struct virtio_buffer buffer = {&incoming, header_size + MAX_FRAME, true};
  virtio_queue_send(&device, &receive, &buffer, 1);
}

static bool sent(void)
{
  return virtio_queue_done(&transmit, &used_length);
}

static bool received(void)
{
  return virtio_queue_done(&receive, &used_length);
}

static bool link_up(void)
{
  return (virtio_config8(&device, CONFIG_STATUS) & LINK_UP) != 0;
}

static bool send_frame(uint32_t length)
{
  memset(outgoing.header, 0, HEADER);
  // Header and frame are one behind the other for the device, whatever the header's size.
  struct virtio_buffer buffers[] = {{outgoing.header, header_size, false}, {outgoing.frame, length, false}};
  virtio_queue_send(&device, &transmit, buffers, 2);
  return wait_until(sent);
}

static void fill_arp(const uint8_t *to_mac, uint16_t operation, const uint8_t *target_mac, const uint8_t *target_ip)
{
  static const uint8_t fixed[6] = {0, 1, TYPE_IPV4 >> 8, TYPE_IPV4 & 0xFF, 6, 4};
  uint8_t *frame = outgoing.frame;
  memset(frame, 0, 60);
  memcpy(frame, to_mac, 6);
  memcpy(frame + 6, mac, 6);
  put16(frame + 12, TYPE_ARP);
  memcpy(frame + 14, fixed, 6);
  put16(frame + 20, operation);
  memcpy(frame + 22, mac, 6);
  memcpy(frame + 28, own_ip, 4);
  memcpy(frame + 32, target_mac, 6);
  memcpy(frame + 38, target_ip, 4);
}

static void on_arp(const uint8_t *frame)
{
  if (get16(frame + 20) == ARP_REPLY && memcmp(frame + 28, host_ip, 4) == 0)
    answered = true;
  if (get16(frame + 20) != ARP_REQUEST || memcmp(frame + 38, own_ip, 4) != 0)
    return;
  fill_arp(frame + 22, ARP_REPLY, frame + 22, frame + 28);
  send_frame(60);
}

// Swaps source and destination. The sums over the headers stay as they are, and so do the checksums.
static void on_udp(const uint8_t *frame, uint32_t length)
{
  unsigned ip = ETHERNET, udp = ip + (frame[ip] & 15u) * 4;
  uint8_t *answer = outgoing.frame;
  memcpy(answer, frame, length);
  memcpy(answer, frame + 6, 6);
  memcpy(answer + 6, mac, 6);
  memcpy(answer + ip + 12, frame + ip + 16, 4);
  memcpy(answer + ip + 16, frame + ip + 12, 4);
  memcpy(answer + udp, frame + udp + 2, 2);
  memcpy(answer + udp + 2, frame + udp, 2);
  send_frame(length);
  echoed++;
  quit = get16(frame + udp + 4) == 8 + sizeof QUIT - 1 && memcmp(frame + udp + 8, QUIT, sizeof QUIT - 1) == 0;
}

// Waits for one frame and serves it.
static bool serve(void)
{
  if (!wait_until(received))
    return false;
  // After the header; with 10 bytes of it the frame begins before where it has its place.
  const uint8_t *frame = (const uint8_t *)&incoming + header_size;
  uint32_t length = used_length - header_size;
  if (used_length >= header_size + ETHERNET + 28) {
    if (get16(frame + 12) == TYPE_ARP)
      on_arp(frame);
    else if (get16(frame + 12) == TYPE_IPV4 && frame[ETHERNET + 9] == UDP)
      on_udp(frame, length);
  }
  offer_buffer();
  return true;
}

static bool start(unsigned slot, bool legacy, bool msix, bool mergeable)
{
  pci_disable_msix(slot);
  if (msix && !pci_enable_msix(slot, 0, VECTOR))
    return false;
  uint64_t features = F_MAC | F_STATUS | (mergeable ? F_MRG_RXBUF : 0);
  if (!virtio_find(&device, slot, legacy) || !virtio_negotiate(&device, features))
    return false;
  header_size = legacy && !mergeable ? LEGACY_HEADER : HEADER;
  int entry = msix ? 0 : -1;
  if (!virtio_add_queue(&device, &receive, 0, receive_memory, entry) ||
      !virtio_add_queue(&device, &transmit, 1, transmit_memory, entry))
    return false;
  virtio_run(&device);
  return true;
}

void kmain(const struct boot_info *boot)
{
  static const uint8_t broadcast[6] = {255, 255, 255, 255, 255, 255}, nobody[6];
  struct text text;
  bool legacy = option(boot->command_line, "interface", &text) && text_is(text, "legacy");
  bool msix = !option(boot->command_line, "interrupt", &text) || !text_is(text, "none");
  bool mergeable = option_number(boot->command_line, "mergeable", 0) != 0;
  uint64_t frames = option_number(boot->command_line, "frames", 1);

  idt_init();
  lapic_enable();
  set_handler(VECTOR, on_interrupt);
  unsigned slot = 0;
  while (slot < PCI_SLOTS && virtio_type(slot) != VIRTIO_NET)
    slot++;
  check_dec("slot", slot < PCI_SLOTS, slot);
  if (slot == PCI_SLOTS)
    finish();
  check("start", start(slot, legacy, msix, mergeable));
  uint64_t address = 0;
  for (unsigned i = 0; i < 6; i++) {
    mac[i] = virtio_config8(&device, i);
    address = address << 8 | mac[i];
  }
  check_hex("mac", address != 0, address);
  check("link", wait_until(link_up));

  offer_buffer();
  fill_arp(broadcast, ARP_REQUEST, nobody, host_ip);
  check("arp-sent", send_frame(60));
  while (!answered && serve())
    ;
  check("arp-answered", answered);
  while (answered && echoed < frames && !quit && serve())
    ;
  check_dec("echoed", quit || echoed >= frames, echoed);
  if (msix)
    // They are off until here: many may have become one.
    check("interrupts", wait_for_count(&interrupts, 1));
  finish();
}
