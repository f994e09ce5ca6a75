// Drives a virtio console device (virtio 1.3, 5.3): interface=modern|legacy
//
// It answers on every port what it gets there in upper case. `flood N` is answered by N bytes instead, `quit` ends it.
// What it hears in control messages it reports on the serial port.
#include "lib/args.h"
#include "lib/boot.h"
#include "lib/check.h"
#include "lib/pci.h"
#include "lib/print.h"
#include "lib/virtio.h"

#define F_SIZE 1
#define F_MULTIPORT 2
#define F_EMERG_WRITE 4

#define CONFIG_MAX_PORTS 4
#define CONFIG_EMERGENCY_WRITE 8

#define DEVICE_READY 0
#define DEVICE_ADD 1
#define DEVICE_REMOVE 2
#define PORT_READY 3
#define CONSOLE_PORT 4
#define RESIZE 5
#define PORT_OPEN 6
#define PORT_NAME 7

#define CONTROL_RECEIVE 2
#define CONTROL_TRANSMIT 3

#define MAX_PORTS 4
#define MAX_QUEUES (2 * (MAX_PORTS + 1))
#define LINE 64
#define FLOOD 4096

const char guest_name[] = "console";

struct control {
  uint32_t id;
  uint16_t event, value;
  uint8_t rest[LINE];
};

struct port {
  bool open;
  char line[LINE]; // what is received next
};

static struct virtio_device device;
static struct virtio_queue queues[MAX_QUEUES];
static uint8_t memories[MAX_QUEUES][VIRTIO_QUEUE_MEMORY] __attribute__((aligned(VIRTIO_QUEUE_ALIGNMENT)));
static struct port ports[MAX_PORTS];
static struct control received;
static unsigned max_ports;
static bool quit;

static unsigned receive_queue(unsigned port)
{
  return port == 0 ? 0 : 2 * port + 2;
}

// Sends a buffer and waits until the device has it: as long as it takes, since nobody may read at the other end.
static void send(unsigned queue, const volatile void *data, uint32_t length)
{
  struct virtio_buffer buffer = {data, length, false};
  uint32_t written;
  virtio_queue_send(&device, &queues[queue], &buffer, 1);
  while (!virtio_queue_done(&queues[queue], &written))
    ;
}

static void offer(unsigned queue, volatile void *data, uint32_t length)
{
  struct virtio_buffer buffer = {data, length, true};
  virtio_queue_send(&device, &queues[queue], &buffer, 1);
}

static void tell(uint32_t id, uint16_t event, uint16_t value)
{
  static struct control message;
  message = (struct control){.id = id, .event = event, .value = value};
  send(CONTROL_TRANSMIT, &message, 8);
}

static void open_port(unsigned id)
{
  tell(id, PORT_OPEN, 1);
  if (!ports[id].open)
    offer(receive_queue(id), ports[id].line, LINE);
  ports[id].open = true;
}

static void check_size(const uint8_t *size)
{
  check_begin("size", true);
  put_dec(size[0] | (unsigned)size[1] << 8);
  put_str("x");
  put_dec(size[2] | (unsigned)size[3] << 8);
  check_end();
}

static void take_control(uint32_t length)
{
  unsigned id = received.id;
  if (id >= max_ports) {
    check_dec("port-number", false, id);
    return;
  }
  switch (received.event) {
  case DEVICE_ADD:
    check_dec("added", true, id);
    tell(id, PORT_READY, 1);
    break;
  case DEVICE_REMOVE:
    check_dec("removed", true, id);
    break;
  case CONSOLE_PORT:
    check_dec("is-console", true, id);
    open_port(id);
    break;
  case RESIZE:
    check_size(received.rest);
    break;
  case PORT_NAME:
    received.rest[length - 8 < LINE ? length - 8 : LINE - 1] = '\0';
    check_text("name", true, (const char *)received.rest);
    open_port(id);
    break;
  case PORT_OPEN:
    check_dec(received.value ? "connected" : "disconnected", true, id);
    break;
  default:
    check_dec("event", false, received.event);
  }
}

static void flood(unsigned id, uint64_t bytes)
{
  static char block[FLOOD];
  for (unsigned i = 0; i < FLOOD; i++)
    block[i] = (char)('a' + i % 26);
  for (uint64_t sent = 0; sent < bytes; sent += FLOOD)
    send(receive_queue(id) + 1, block, bytes - sent < FLOOD ? (uint32_t)(bytes - sent) : FLOOD);
  check_dec("flooded", true, bytes);
}

static void take_input(unsigned id, uint32_t length)
{
  char *line = ports[id].line;
  struct text text = {line, length > 0 && line[length - 1] == '\n' ? length - 1 : length};
  uint64_t bytes;
  struct text number = {line + 6, text.length - 6};
  if (text_is(text, "quit"))
    quit = true;
  else if (text_starts(text, "flood ") && text_number(number, &bytes))
    flood(id, bytes);
  else {
    for (uint32_t i = 0; i < length; i++)
      if (line[i] >= 'a' && line[i] <= 'z')
        line[i] = (char)(line[i] - 'a' + 'A');
    send(receive_queue(id) + 1, line, length);
  }
  offer(receive_queue(id), line, LINE);
}

static bool start(unsigned slot, bool legacy)
{
  if (!virtio_find(&device, slot, legacy))
    return false;
  // Before anything else is set up.
  virtio_write_config8(&device, CONFIG_EMERGENCY_WRITE, '!');
  uint64_t offered = virtio_offered(&device);
  check_hex("features", (offered & (F_MULTIPORT | F_EMERG_WRITE)) == (F_MULTIPORT | F_EMERG_WRITE), offered & 7);
  if (!virtio_negotiate(&device, (offered & F_SIZE) | F_MULTIPORT))
    return false;
  max_ports = virtio_config8(&device, CONFIG_MAX_PORTS);
  check_dec("max-ports", max_ports > 0 && max_ports <= MAX_PORTS, max_ports);
  if (max_ports > MAX_PORTS)
    return false;
  for (unsigned i = 0; i < 2 * (max_ports + 1); i++)
    if (!virtio_add_queue(&device, &queues[i], (uint16_t)i, memories[i], -1))
      return false;
  virtio_run(&device);
  return true;
}

static void serve(void)
{
  offer(CONTROL_RECEIVE, &received, sizeof received);
  tell(0, DEVICE_READY, 1);
  note("ready");
  while (!quit) {
    uint32_t length;
    if (virtio_queue_done(&queues[CONTROL_RECEIVE], &length)) {
      take_control(length);
      offer(CONTROL_RECEIVE, &received, sizeof received);
    }
    for (unsigned id = 0; id < max_ports; id++)
      if (ports[id].open && virtio_queue_done(&queues[receive_queue(id)], &length))
        take_input(id, length);
  }
}

void kmain(const struct boot_info *boot)
{
  struct text text;
  bool legacy = option(boot->command_line, "interface", &text) && text_is(text, "legacy");
  for (unsigned slot = 0; slot < PCI_SLOTS; slot++) {
    if (virtio_type(slot) != VIRTIO_CONSOLE)
      continue;
    bool started = start(slot, legacy);
    check_dec("started", started, slot);
    if (started)
      serve();
  }
  finish();
}
