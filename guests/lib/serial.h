// COM1, a 16550 at 0x3F8.
#pragma once
#include <stdbool.h>
#include <stdint.h>

#define COM1 0x3F8
#define COM1_IRQ 4

#define UART_DATA 0 // receiver buffer, transmitter holding; divisor low with DLAB
#define UART_IER 1  // interrupt enable; divisor high with DLAB
#define UART_IIR 2  // read: interrupt identification
#define UART_FCR 2  // write: FIFO control
#define UART_LCR 3
#define UART_MCR 4
#define UART_LSR 5
#define UART_MSR 6

#define IER_RECEIVED 0x01
#define IER_TRANSMIT_EMPTY 0x02
#define IIR_NONE 0x01
#define MCR_OUT2 0x08 // gates the interrupt line on a PC
#define LSR_DATA_READY 0x01
#define LSR_TRANSMIT_EMPTY 0x20

// 115200 8N1, FIFOs on and empty, interrupts off, OUT2 on. Polled output works without it: a virtual machine's UART
// transmits from reset, so that a program's first byte costs no set-up.
void serial_init(void);

void serial_put(char c);
// Waits for a byte.
char serial_get(void);
