// The two 8259A interrupt controllers.
#pragma once
#include <stdbool.h>
#include <stdint.h>

#define PIC_MASTER 0x20
#define PIC_SLAVE 0xA0
#define PIC_MASTER_DATA 0x21
#define PIC_SLAVE_DATA 0xA1
#define ELCR_MASTER 0x4D0
#define ELCR_SLAVE 0x4D1

// IRQ 0 to 15 arrive at these vectors.
#define PIC_VECTOR 0x20

// Both controllers from the beginning, all lines masked.
void pic_init(void);
void pic_mask_all(void);
void pic_unmask(unsigned irq);
void pic_eoi(unsigned irq);
// Requests not yet served; requests in service. Bit n is IRQ n.
uint16_t pic_requests(void);
uint16_t pic_in_service(void);
