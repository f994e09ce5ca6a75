// The interrupt descriptor table, shared by all CPUs.
#pragma once
#include <stdint.h>

#define VECTOR_NMI 2

// As lib/interrupt-stubs.S pushes it.
struct interrupt_frame {
  uint64_t r15, r14, r13, r12, r11, r10, r9, r8, rbp, rdi, rsi, rdx, rcx, rbx, rax;
  uint64_t vector, error_code;
  uint64_t rip, cs, rflags, rsp, ss;
};

typedef void interrupt_handler(struct interrupt_frame *frame);

// Installs the table on this CPU. The first call makes the gates of the exceptions 0 to 31: one that no handler was
// set for prints `<guest>.exception FAIL …` and ends the guest.
void idt_init(void);

// Makes `handler` serve `vector`, with interrupts off. It must send the EOI itself.
void set_handler(uint8_t vector, interrupt_handler *handler);
