// Console device with several ports (5.3).
#include "drivers/driver.h"

#define F_MULTIPORT 2
#define DEVICE_READY 0
#define DEVICE_ADD 1
#define PORT_READY 3
#define CONSOLE_PORT 4
#define PORT_OPEN 6
#define CONTROL_RECEIVE 2
#define CONTROL_TRANSMIT 3
#define RECEIVE_BUFFERS 4

struct control {
  uint32_t id;
  uint16_t event, value;
};

static struct control received[RECEIVE_BUFFERS][4];
static struct control sent;
static uint8_t input[64];
static char output[] = "hello\n";

static bool send_control(struct driver *driver, uint32_t id, uint16_t event, uint16_t value)
{
  sent = (struct control){id, event, value};
  const struct buffer buffer = {&sent, sizeof sent, false};
  return queue_request(driver, &driver->queue[CONTROL_TRANSMIT], &buffer, 1);
}

static bool open_ports(struct driver *driver)
{
  if (!broken("5.3.6.2.2/ready") && !send_control(driver, 0, DEVICE_READY, 1))
    return false;
  if (!send_control(driver, 0, PORT_READY, 1))
    return false;
  if (!broken("5.3.6.2.2/console-port"))
    return send_control(driver, 0, PORT_OPEN, 1);
  wait_ms(2500);
  return true;
}

bool drive_console(struct driver *driver)
{
  for (unsigned index = 0; index < 4; index++)
    driver_queue(driver, index);
  driver_ready(driver);
  if (driver->features & F_MULTIPORT) {
    for (unsigned i = 0; i < RECEIVE_BUFFERS; i++) {
      const struct buffer buffer = {received[i], sizeof received[i], true};
      queue_expose(driver, &driver->queue[CONTROL_RECEIVE], &buffer, 1);
    }
    if (!open_ports(driver))
      return false;
  }
  const struct buffer receive = {input, sizeof input, !broken("5.3.6.1/receive-writable")};
  queue_expose(driver, &driver->queue[0], &receive, 1);
  const struct buffer transmit = {output, sizeof output - 1, broken("5.3.6.1/transmit-readable")};
  return queue_request(driver, &driver->queue[1], &transmit, 1);
}
