#include "lib/pic.h"

#include "lib/io.h"

#define ICW1_INIT_ICW4 0x11
#define ICW4_8086 0x01
#define OCW2_SPECIFIC_EOI 0x60
#define OCW3_READ_IRR 0x0A
#define OCW3_READ_ISR 0x0B
#define CASCADE 2

void pic_init(void)
{
  out8(PIC_MASTER, ICW1_INIT_ICW4);
  out8(PIC_SLAVE, ICW1_INIT_ICW4);
  out8(PIC_MASTER_DATA, PIC_VECTOR);
  out8(PIC_SLAVE_DATA, PIC_VECTOR + 8);
  out8(PIC_MASTER_DATA, 1 << CASCADE);
  out8(PIC_SLAVE_DATA, CASCADE);
  out8(PIC_MASTER_DATA, ICW4_8086);
  out8(PIC_SLAVE_DATA, ICW4_8086);
  pic_mask_all();
}

void pic_mask_all(void)
{
  out8(PIC_MASTER_DATA, 0xFF);
  out8(PIC_SLAVE_DATA, 0xFF);
}

void pic_unmask(unsigned irq)
{
  if (irq >= 8) {
    out8(PIC_SLAVE_DATA, (uint8_t)(in8(PIC_SLAVE_DATA) & ~(1 << (irq - 8))));
    irq = CASCADE;
  }
  out8(PIC_MASTER_DATA, (uint8_t)(in8(PIC_MASTER_DATA) & ~(1 << irq)));
}

void pic_eoi(unsigned irq)
{
  if (irq >= 8) {
    out8(PIC_SLAVE, (uint8_t)(OCW2_SPECIFIC_EOI | (irq - 8)));
    irq = CASCADE;
  }
  out8(PIC_MASTER, (uint8_t)(OCW2_SPECIFIC_EOI | irq));
}

static uint16_t read_both(uint8_t command)
{
  out8(PIC_MASTER, command);
  out8(PIC_SLAVE, command);
  return (uint16_t)(in8(PIC_MASTER) | in8(PIC_SLAVE) << 8);
}

uint16_t pic_requests(void)
{
  return read_both(OCW3_READ_IRR);
}

uint16_t pic_in_service(void)
{
  return read_both(OCW3_READ_ISR);
}
