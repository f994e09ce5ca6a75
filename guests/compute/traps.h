// Exceptions and software interrupts of the compute guest, at both widths.
#pragma once
#include "compute/loops.h"

struct trap_frame; // as the processor pushes it

#define VECTOR_PAGE_FAULT 14
#define VECTOR_SOFTWARE 0x80

typedef void trap_handler(struct trap_frame *frame);
typedef void fault_handler(struct trap_frame *frame, word error);

// Handlers are functions that the compiler saves all registers in and ends with IRET.
#define TRAP __attribute__((interrupt))

// Loads a table in which every exception is a failed check that ends the guest.
void traps_init(void);
void traps_serve(uint8_t vector, trap_handler *handler);
void traps_serve_fault(uint8_t vector, fault_handler *handler);
