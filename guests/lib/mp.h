// The MP configuration table (MultiProcessor Specification 1.4, chapter 4).
#pragma once
#include <stdbool.h>
#include <stdint.h>

#define MP_PROCESSOR 0
#define MP_BUS 1
#define MP_IO_INTERRUPT 3

#define MP_ENABLED 1 // of a processor's flags

struct mp_processor {
  uint8_t type, id, version, flags;
};

struct mp_bus {
  uint8_t type, id;
  char name[6];
};

struct mp_interrupt {
  uint8_t type, kind;
  uint16_t flags;
  uint8_t bus, source, ioapic, pin;
};

// An interrupt of a bus as the IOAPIC gets it.
struct mp_route {
  uint8_t pin;
  bool level, active_low;
};

// The entry of this type behind the one at `after`, which is NULL for the first; NULL when there is none left.
const void *mp_next(uint8_t type, const void *after);

// Where INTA# to INTD#, as 1 to 4, of a device on PCI bus 0 goes; false when the table does not say.
bool mp_pci_route(unsigned slot, unsigned intx, struct mp_route *route);
