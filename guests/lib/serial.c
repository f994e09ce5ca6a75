#include "lib/serial.h"

#include "lib/io.h"

void serial_init(void)
{
  out8(COM1 + UART_IER, 0);
  out8(COM1 + UART_LCR, 0x80);
  out8(COM1 + UART_DATA, 1);
  out8(COM1 + UART_IER, 0);
  out8(COM1 + UART_LCR, 0x03);
  out8(COM1 + UART_FCR, 0x07);
  out8(COM1 + UART_MCR, 0x03 | MCR_OUT2);
}

void serial_put(char c)
{
  while ((in8(COM1 + UART_LSR) & LSR_TRANSMIT_EMPTY) == 0)
    ;
  out8(COM1 + UART_DATA, (uint8_t)c);
}

char serial_get(void)
{
  while ((in8(COM1 + UART_LSR) & LSR_DATA_READY) == 0)
    ;
  return (char)in8(COM1 + UART_DATA);
}
