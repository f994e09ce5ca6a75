// The local APIC of this CPU, in xAPIC mode at 0xFEE00000 (Intel SDM vol. 3, chapter 11).
#pragma once
#include <stdint.h>

#define LAPIC_BASE 0xFEE00000u

#define LAPIC_ID 0x020
#define LAPIC_VERSION 0x030
#define LAPIC_TPR 0x080
#define LAPIC_PPR 0x0A0
#define LAPIC_EOI 0x0B0
#define LAPIC_LDR 0x0D0
#define LAPIC_DFR 0x0E0
#define LAPIC_SVR 0x0F0
#define LAPIC_ISR 0x100
#define LAPIC_IRR 0x200
#define LAPIC_ICR_LOW 0x300
#define LAPIC_ICR_HIGH 0x310
#define LAPIC_LVT_TIMER 0x320
#define LAPIC_LVT_LINT0 0x350
#define LAPIC_LVT_LINT1 0x360
#define LAPIC_TIMER_INITIAL 0x380
#define LAPIC_TIMER_CURRENT 0x390
#define LAPIC_TIMER_DIVIDE 0x3E0

#define LVT_MASKED 0x10000
#define LVT_EXTINT 0x700
#define TIMER_ONE_SHOT 0x00000
#define TIMER_PERIODIC 0x20000
#define TIMER_TSC_DEADLINE 0x40000
#define TIMER_DIVIDE_BY_1 0x0B

#define ICR_FIXED 0x000
#define ICR_NMI 0x400
#define ICR_INIT 0x500
#define ICR_STARTUP 0x600
#define ICR_PENDING 0x1000
#define ICR_ASSERT 0x4000
#define ICR_SELF 0x40000
#define ICR_ALL 0x80000
#define ICR_ALL_BUT_SELF 0xC0000

#define SPURIOUS_VECTOR 0xFF

// Turns it on with the task priority 0, flat logical ID 1 << (ID modulo 8), timer and LINT pins masked.
void lapic_enable(void);

uint32_t lapic_read(uint32_t offset);
void lapic_write(uint32_t offset, uint32_t value);

uint8_t lapic_id(void);
void lapic_eoi(void);
// Whether the vector's bit is set in LAPIC_ISR or LAPIC_IRR.
uint32_t lapic_bit(uint32_t offset, uint8_t vector);

// `command` is the low word of the ICR; `destination` an APIC ID, without meaning for a shorthand.
void lapic_send(uint8_t destination, uint32_t command);
// Lets the interrupts of the PIC through, or not.
void lapic_accept_pic(int accept);
