// Split and packed rings (2.7 and 2.8).
#include "drivers/driver.h"

#include "lib/io.h"

#define AVAIL (1 << 7)
#define USED (1 << 15)
#define NO_INTERRUPT 1
#define NO_NOTIFY 1
#define EVENT_DISABLE 1
#define EVENT_DESCRIPTOR 2
#define PM_TIMER 0x608
#define PM_TICKS_A_MS 3580
#define POLLS 200000
#define KNOWN_INTERRUPTS 3u

struct descriptor {
  uint64_t address;
  uint32_t length;
  uint16_t flags_or_id, next_or_flags;
};

static struct descriptor table[MAX_TABLE] __attribute__((aligned(16)));

static volatile uint16_t *words(uintptr_t address)
{
  return (volatile uint16_t *)address;
}

static bool is_packed(const struct driver *driver)
{
  return (driver->features & F_RING_PACKED) != 0;
}

static bool has_events(const struct driver *driver)
{
  return (driver->features & F_EVENT_IDX) != 0;
}

static void set(volatile struct descriptor *descriptor, const struct buffer *buffer)
{
  descriptor->address = (uintptr_t)buffer->data;
  descriptor->length = buffer->length;
}

static uint16_t write_flag(const struct buffer *buffer)
{
  return buffer->writable ? WRITE : 0;
}

// An indirect table of the buffers. Returns its entries.
static unsigned fill_table(const struct driver *driver, const struct buffer *buffers, unsigned count)
{
  bool packed = is_packed(driver);
  unsigned entries = count;
  if (broken("2.7.5.3.1/chain-length"))
    entries = QUEUE_SIZE + 4;
  if (broken("2.8.19/indirect-length"))
    entries = MAX_TABLE;
  for (unsigned i = 0; i < entries; i++) {
    const struct buffer *buffer = &buffers[i < count ? i : count - 1];
    set(&table[i], buffer);
    if (packed) {
      table[i].flags_or_id = 0;
      table[i].next_or_flags = (uint16_t)(write_flag(buffer) | (broken("2.8.19/indirect-flags") ? NEXT : 0));
    } else {
      table[i].flags_or_id = (uint16_t)(write_flag(buffer) | (i + 1 < entries ? NEXT : 0));
      table[i].next_or_flags = (uint16_t)(i + 1);
    }
  }
  if (broken("2.7.5.3.1/no-nesting"))
    table[0].flags_or_id |= INDIRECT;
  if (broken("2.7.5.3.1/in-order-indirect") && entries > 1)
    table[0].next_or_flags = 0;
  return entries;
}

static bool indirect(const struct driver *driver)
{
  bool forced = broken("2.7.5.3.1/indirect-negotiated") || broken("2.8.19/indirect-negotiated");
  return forced || (driver->features & F_INDIRECT_DESC) != 0;
}

static void fill_split(struct driver *driver, struct queue *queue, const struct buffer *buffers, unsigned count)
{
  volatile struct descriptor *ring = (volatile struct descriptor *)queue->descriptors;
  uint16_t head = queue->free;
  if (indirect(driver)) {
    ring[head].length = fill_table(driver, buffers, count) * sizeof(struct descriptor);
    ring[head].address = (uintptr_t)table;
    ring[head].flags_or_id = INDIRECT | (broken("2.7.5.3.1/indirect-or-next") ? NEXT : 0);
    queue->free = (uint16_t)((head + 1) % queue->size);
  } else {
    for (unsigned i = 0; i < count; i++) {
      uint16_t next = (uint16_t)((queue->free + 1) % queue->size);
      set(&ring[queue->free], &buffers[i]);
      bool last = i + 1 == count && !broken("2.7.5.2/no-loops");
      ring[queue->free].flags_or_id = (uint16_t)(write_flag(&buffers[i]) | (last ? 0 : NEXT));
      ring[queue->free].next_or_flags = i + 1 == count ? head : next;
      if (broken("2.7.5.2/in-order-next") && !last) {
        // The descriptor after next: a driver with a free list of its own would do so.
        ring[queue->free].next_or_flags = (uint16_t)((next + 1) % queue->size);
        next = (uint16_t)((next + 1) % queue->size);
      }
      queue->free = next;
    }
  }
  volatile uint16_t *available = words(queue->driver_area);
  available[2 + queue->next % queue->size] = head;
  if (broken("2.7.7.1/flags-0-or-1"))
    available[0] = 2;
  if (broken("2.7.7.1/flags-0"))
    available[0] = NO_INTERRUPT;
  queue->next++;
  if (broken("2.7.6.1/idx-forward") && queue->next > 1)
    queue->next = (uint16_t)(queue->next - 2);
  available[1] = queue->next;
}

static void fill_packed(struct driver *driver, struct queue *queue, const struct buffer *buffers, unsigned count)
{
  volatile struct descriptor *ring = (volatile struct descriptor *)queue->descriptors;
  uint16_t head = queue->next;
  uint16_t first_flags = 0;
  bool in_table = indirect(driver);
  bool endless = broken("2.8.17/list-queue-size") || broken("2.8.17/list-allowed");
  unsigned slots = in_table ? 1 : endless ? queue->size : count;
  for (unsigned i = 0; i < slots; i++) {
    volatile struct descriptor *descriptor = &ring[queue->next];
    uint16_t flags;
    if (in_table) {
      descriptor->length = fill_table(driver, buffers, count) * sizeof(struct descriptor);
      descriptor->address = (uintptr_t)table;
      flags = INDIRECT | (broken("2.8.19/no-indirect-in-list") ? NEXT : 0);
    } else {
      const struct buffer *buffer = &buffers[i < count ? i : count - 1];
      set(descriptor, buffer);
      flags = (uint16_t)(write_flag(buffer) | (i + 1 < count || endless ? NEXT : 0));
    }
    flags |= queue->next_wrap ? AVAIL : USED;
    descriptor->flags_or_id = head;
    if (i == 0)
      first_flags = flags;
    else
      descriptor->next_or_flags = flags;
    if (++queue->next == queue->size) {
      queue->next = 0;
      queue->next_wrap = !queue->next_wrap;
    }
  }
  queue->slots = (uint16_t)slots;
  // The first descriptor makes the list available.
  ring[head].next_or_flags = first_flags;
}

static bool wants_notification(struct driver *driver, struct queue *queue)
{
  if (is_packed(driver)) {
    uint16_t flags = words(queue->device_area)[1];
    return flags != EVENT_DISABLE;
  }
  if (!has_events(driver) && !broken("2.7.10.1/ignores-avail-event"))
    return !(words(queue->device_area)[0] & NO_NOTIFY) || broken("2.7.10.1/no-notify-flag");
  if (broken("2.7.10.1/ignores-flags") && words(queue->device_area)[0] & NO_NOTIFY)
    return false;
  uint16_t event = words(queue->device_area)[2 + 4 * queue->size];
  return (uint16_t)(queue->next - event - 1) < (uint16_t)(queue->next - queue->notified);
}

void queue_notify(struct driver *driver, struct queue *queue)
{
  uint32_t index = queue->index;
  bool with_data = (driver->features & F_NOTIFICATION_DATA) != 0;
  queue->notified = queue->next;
  if (broken("4.1.5.2.1/notify-index") || broken("4.1.5.2.1/notify-data-index"))
    index++;
  uint32_t position = queue->next | (is_packed(driver) && queue->next_wrap ? 0x8000u : 0);
  if (broken("2.8.16/next-offset"))
    position ^= 1;
  uint32_t data = index | position << 16;
  if (driver->mmio)
    mmio_write32(queue->notify, with_data ? data : index);
  else if ((with_data && !broken("4.1.5.2.1/notify-32")) || broken("4.1.5.2.1/notify-16"))
    mmio_write32(queue->notify, with_data ? data : index);
  else
    mmio_write16(queue->notify, (uint16_t)index);
}

void queue_expose(struct driver *driver, struct queue *queue, const struct buffer *buffers, unsigned count)
{
  if (is_packed(driver))
    fill_packed(driver, queue, buffers, count);
  else
    fill_split(driver, queue, buffers, count);
  __asm__ volatile("mfence" : : : "memory");
  if (broken("2.7.10.1/notify-flag") || broken("2.7.10.1/notify-event")) {
    wait_ms(2500);
    return;
  }
  if (wants_notification(driver, queue))
    queue_notify(driver, queue);
  if (broken("2.7.10.1/no-notify-event"))
    for (unsigned i = 0; i < 4; i++)
      queue_notify(driver, queue);
}

// The first descriptor of a list is used; who waits for the last waits for ever.
static uint16_t awaited(const struct queue *queue)
{
  unsigned more = broken("2.8.17/one-used-descriptor") ? queue->slots - 1u : 0;
  return (uint16_t)((queue->used + more) % queue->size);
}

static bool used(const struct queue *queue, bool packed)
{
  if (!packed)
    return words(queue->device_area)[1] != queue->used;
  const volatile struct descriptor *ring = (const volatile struct descriptor *)queue->descriptors;
  uint16_t flags = ring[awaited(queue)].next_or_flags;
  return ((flags & AVAIL) != 0) == queue->used_wrap && ((flags & USED) != 0) == queue->used_wrap;
}

bool queue_take(struct driver *driver, struct queue *queue)
{
  bool packed = is_packed(driver);
  if (!used(queue, packed))
    return false;
  if (!packed) {
    queue->length = ((volatile uint32_t *)queue->device_area)[2 + 2 * (queue->used % queue->size)];
    queue->used++;
    return true;
  }
  queue->length = ((volatile uint32_t *)queue->descriptors)[4 * queue->used + 2];
  queue->used = (uint16_t)(queue->used + queue->slots);
  if (queue->used >= queue->size) {
    queue->used = (uint16_t)(queue->used - queue->size);
    queue->used_wrap = !queue->used_wrap;
  }
  return true;
}

// What an interrupt handler does, or would do if there was one.
void driver_acknowledge(struct driver *driver)
{
  if (!driver->mmio || broken("4.2.3.4.1/acknowledges-after"))
    return;
  uint32_t status = broken("4.2.3.4.1/reads-status") ? 1 : mmio_read32(driver->common + MMIO_INTERRUPT_STATUS);
  if (broken("4.2.2.2/undefined-bits") && status & ~KNOWN_INTERRUPTS)
    driver->lost = true;
  status &= KNOWN_INTERRUPTS;
  if (status != 0)
    mmio_write32(driver->common + MMIO_INTERRUPT_ACK, broken("4.2.2.2/acknowledges") ? status | 0x80 : status);
}

bool queue_request(struct driver *driver, struct queue *queue, const struct buffer *buffers, unsigned count)
{
  driver->waiting = true;
  queue_expose(driver, queue, buffers, count);
  for (unsigned i = 0; i < POLLS; i++) {
    if (!queue_take(driver, queue)) {
      __asm__ volatile("pause");
      continue;
    }
    driver->waiting = false;
    driver_acknowledge(driver);
    return true;
  }
  return false;
}

void wait_ms(unsigned ms)
{
  uint32_t start = in32(PM_TIMER);
  while (((in32(PM_TIMER) - start) & 0xFFFFFF) < 1000 * PM_TICKS_A_MS && ms >= 1000) {
    if (((in32(PM_TIMER) - start) & 0xFFFFFF) < 990 * PM_TICKS_A_MS)
      continue;
    start = in32(PM_TIMER);
    ms -= 990;
  }
  while (((in32(PM_TIMER) - start) & 0xFFFFFF) < ms * PM_TICKS_A_MS)
    ;
}
