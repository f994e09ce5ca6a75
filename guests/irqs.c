// Exercises the interrupt controllers: PIC, IOAPIC, local APIC. Sources are the PIT (edges) and the UART's transmitter
// interrupt (a level that the guest raises and lowers at will). With end=hang it stays as it is then, with interrupts on.
#include "lib/args.h"
#include "lib/boot.h"
#include "lib/check.h"
#include "lib/cpu.h"
#include "lib/idt.h"
#include "lib/io.h"
#include "lib/ioapic.h"
#include "lib/lapic.h"
#include "lib/pic.h"
#include "lib/pit.h"
#include "lib/serial.h"
#include "lib/wait.h"

#define PIT_BIT (1u << PIT_IRQ)
#define UART_BIT (1u << COM1_IRQ)

#define VECTOR_A 0x51
#define VECTOR_B 0x61
#define VECTOR_LOW 0x58
#define VECTOR_HIGH 0x78

#define ELCR_MASTER_FIXED 0x07 // IRQ 0, 1 and 2 are edges
#define ELCR_SLAVE_FIXED 0x21  // IRQ 8 and 13 too

const char guest_name[] = "irqs";

static volatile uint32_t count, count_a, count_b, nmis, spurious;

// What the handlers saw.
static volatile uint32_t seen;
static volatile uint32_t order[2], ordered;
static volatile uint32_t keep_raised; // how often on_uart_level still leaves the UART's line up

static void uart_raise(void)
{
  out8(COM1 + UART_IER, IER_TRANSMIT_EMPTY);
}

static void uart_lower(void)
{
  out8(COM1 + UART_IER, 0);
}

static void interrupts_on_for(unsigned counts)
{
  enable_interrupts();
  pit_delay((uint16_t)counts);
  disable_interrupts();
}

// Waits for so many, and there must not be more.
static void check_count(const char *name, uint32_t wanted)
{
  wait_for_count(&count, wanted);
  check_dec(name, count == wanted, count);
}

static void on_pic_pit(struct interrupt_frame *frame)
{
  (void)frame;
  seen = pic_in_service();
  count++;
  pic_eoi(PIT_IRQ);
}

static void on_pic_pit_without_eoi(struct interrupt_frame *frame)
{
  (void)frame;
  count++;
}

static void on_pic_uart(struct interrupt_frame *frame)
{
  (void)frame;
  count++;
  if (keep_raised == 0)
    uart_lower();
  else
    keep_raised--;
  pic_eoi(COM1_IRQ);
}

static void on_spurious(struct interrupt_frame *frame)
{
  (void)frame;
  spurious++;
}

static void check_pic(void)
{
  set_handler(PIC_VECTOR + PIT_IRQ, on_pic_pit);
  lapic_accept_pic(1);

  check_hex("pic-mask-reads", in8(PIC_MASTER_DATA) == 0xFF && in8(PIC_SLAVE_DATA) == 0xFF, in8(PIC_MASTER_DATA));

  count = 0;
  pit_start(0, PIT_ONE_SHOT, PIT_10_MS / 10);
  interrupts_on_for(PIT_10_MS / 5);
  check_dec("pic-masked", count == 0, count);
  check_hex("pic-irr", (pic_requests() & PIT_BIT) != 0, pic_requests());
  pic_unmask(PIT_IRQ);
  check_count("pic-unmasked", 1);
  check_hex("pic-isr", seen == PIT_BIT, seen);
  check_hex("pic-isr-after-eoi", pic_in_service() == 0, pic_in_service());

  // Without an EOI a line is not served again.
  set_handler(PIC_VECTOR + PIT_IRQ, on_pic_pit_without_eoi);
  count = 0;
  pit_start(0, PIT_RATE, PIT_10_MS / 5);
  wait_for_count(&count, 1);
  interrupts_on_for(PIT_10_MS);
  check_dec("pic-no-eoi", count == 1, count);
  set_handler(PIC_VECTOR + PIT_IRQ, on_pic_pit);
  pic_eoi(PIT_IRQ);
  check_dec("pic-eoi", wait_for_count(&count, 3), 3);
  pit_stop();
  pic_mask_all();
}

static void check_elcr(void)
{
  out8(ELCR_MASTER, 0xFF);
  out8(ELCR_SLAVE, 0xFF);
  uint8_t master = in8(ELCR_MASTER), slave = in8(ELCR_SLAVE);
  check_hex("elcr-fixed", (master & ELCR_MASTER_FIXED) == 0 && (slave & ELCR_SLAVE_FIXED) == 0, master | slave << 8);
  check_hex("elcr-writable", (master & UART_BIT) != 0, master);
  out8(ELCR_MASTER, 0);
  out8(ELCR_SLAVE, 0);

  set_handler(PIC_VECTOR + COM1_IRQ, on_pic_uart);
  pic_unmask(COM1_IRQ);
  // An edge: one interrupt, though the line stays up.
  count = 0;
  keep_raised = 1;
  uart_raise();
  wait_for_count(&count, 1);
  interrupts_on_for(PIT_10_MS / 10);
  check_dec("pic-edge", count == 1, count);
  uart_lower();
  // A level: again for as long as the line is up.
  out8(ELCR_MASTER, UART_BIT);
  count = 0;
  keep_raised = 2;
  uart_raise();
  wait_for_count(&count, 3);
  interrupts_on_for(PIT_10_MS / 10);
  check_dec("pic-level", count == 3, count);
  // A level that went away before it was served.
  count = spurious = 0;
  uart_raise();
  uart_lower();
  interrupts_on_for(PIT_10_MS / 10);
  check_dec("pic-level-withdrawn", count == 0, count);
  check_dec("pic-spurious", spurious <= 1, spurious);
  out8(ELCR_MASTER, 0);
  pic_mask_all();
  lapic_accept_pic(0);
}

static void on_edge(struct interrupt_frame *frame)
{
  if (frame->vector == VECTOR_A)
    count_a++;
  else
    count_b++;
  lapic_eoi();
}

static void check_ioapic_edge(void)
{
  uint32_t version = ioapic_read(IOAPIC_VERSION);
  check_hex("ioapic-version", (version & 0xFF) >= 0x11 && (version >> 16 & 0xFF) >= 15, version);

  set_handler(VECTOR_A, on_edge);
  set_handler(VECTOR_B, on_edge);
  count_a = count_b = 0;
  ioapic_route(IOAPIC_PIT_PIN, VECTOR_A | RTE_MASKED, lapic_id());
  check_hex("ioapic-entry", ioapic_entry(IOAPIC_PIT_PIN) == (VECTOR_A | RTE_MASKED), ioapic_entry(IOAPIC_PIT_PIN));
  pit_start(0, PIT_RATE, PIT_10_MS / 5);
  interrupts_on_for(PIT_10_MS);
  check_dec("ioapic-masked", count_a == 0, count_a);
  ioapic_route(IOAPIC_PIT_PIN, VECTOR_A, lapic_id());
  check_dec("ioapic-edge", wait_for_count(&count_a, 3), 3);
  ioapic_route(IOAPIC_PIT_PIN, VECTOR_B, lapic_id());
  check_dec("ioapic-vector", wait_for_count(&count_b, 3), 3);

  uint8_t logical = (uint8_t)(lapic_read(LAPIC_LDR) >> 24);
  count_a = 0;
  ioapic_route(IOAPIC_PIT_PIN, VECTOR_A | RTE_LOGICAL, logical);
  check_dec("ioapic-logical", wait_for_count(&count_a, 3), 3);
  count_b = 0;
  ioapic_route(IOAPIC_PIT_PIN, VECTOR_B | RTE_LOGICAL | RTE_LOWEST_PRIORITY, logical);
  check_dec("ioapic-lowest-priority", wait_for_count(&count_b, 3), 3);
  ioapic_mask(IOAPIC_PIT_PIN);
  pit_stop();
}

static void on_uart_level(struct interrupt_frame *frame)
{
  (void)frame;
  seen = ioapic_entry(COM1_IRQ);
  count++;
  if (keep_raised == 0)
    uart_lower();
  else
    keep_raised--;
  lapic_eoi();
}

static void check_ioapic_level(void)
{
  set_handler(VECTOR_A, on_uart_level);
  ioapic_route(COM1_IRQ, VECTOR_A | RTE_LEVEL, lapic_id());

  count = keep_raised = 0;
  uart_raise();
  check_count("ioapic-level", 1);
  check_hex("ioapic-remote-irr", (seen & RTE_REMOTE_IRR) != 0, seen);
  check_hex("ioapic-remote-irr-after-eoi", (ioapic_entry(COM1_IRQ) & RTE_REMOTE_IRR) == 0, ioapic_entry(COM1_IRQ));

  // A line that is still up at the EOI interrupts again.
  count = 0;
  keep_raised = 2;
  uart_raise();
  wait_for_count(&count, 3);
  interrupts_on_for(PIT_10_MS / 10);
  check_dec("ioapic-level-again", count == 3, count);

  // A level waits behind the mask.
  count = 0;
  ioapic_route(COM1_IRQ, VECTOR_A | RTE_LEVEL | RTE_MASKED, lapic_id());
  uart_raise();
  interrupts_on_for(PIT_10_MS / 10);
  check_dec("ioapic-level-masked", count == 0, count);
  ioapic_route(COM1_IRQ, VECTOR_A | RTE_LEVEL, lapic_id());
  check_count("ioapic-level-unmasked", 1);
  ioapic_mask(COM1_IRQ);
}

static void on_ipi(struct interrupt_frame *frame)
{
  if (ordered < 2)
    order[ordered++] = (uint32_t)frame->vector;
  seen = lapic_bit(LAPIC_ISR, (uint8_t)frame->vector);
  count++;
  lapic_eoi();
}

static void on_nmi(struct interrupt_frame *frame)
{
  (void)frame;
  nmis++;
}

static bool nmi_arrived(void)
{
  return nmis > 0;
}

static void send_to_self(uint8_t vector)
{
  lapic_send(0, ICR_FIXED | ICR_SELF | vector);
}

static void check_lapic(void)
{
  set_handler(VECTOR_LOW, on_ipi);
  set_handler(VECTOR_HIGH, on_ipi);

  count = 0;
  send_to_self(VECTOR_HIGH);
  check("lapic-irr", lapic_bit(LAPIC_IRR, VECTOR_HIGH) != 0 && count == 0);
  check_count("lapic-self-ipi", 1);
  check_hex("lapic-isr", seen == 1, seen);
  check("lapic-isr-after-eoi", lapic_bit(LAPIC_ISR, VECTOR_HIGH) == 0);

  count = ordered = 0;
  send_to_self(VECTOR_LOW);
  send_to_self(VECTOR_HIGH);
  wait_for_count(&count, 2);
  check_hex("lapic-priority", order[0] == VECTOR_HIGH && order[1] == VECTOR_LOW, order[0]);

  count = 0;
  lapic_write(LAPIC_TPR, 0x80);
  check_hex("lapic-ppr", lapic_read(LAPIC_PPR) == 0x80, lapic_read(LAPIC_PPR));
  check_hex("cr8-shows-tpr", read_cr8() == 8, read_cr8());
  send_to_self(VECTOR_HIGH);
  interrupts_on_for(PIT_10_MS / 10);
  check_dec("tpr-blocks", count == 0, count);
  lapic_write(LAPIC_TPR, 0);
  check_count("tpr-lets-through", 1);

  count = 0;
  write_cr8(VECTOR_HIGH >> 4);
  check_hex("tpr-shows-cr8", lapic_read(LAPIC_TPR) == (VECTOR_HIGH & 0xF0), lapic_read(LAPIC_TPR));
  send_to_self(VECTOR_HIGH);
  interrupts_on_for(PIT_10_MS / 10);
  check_dec("cr8-blocks", count == 0, count);
  write_cr8(0);
  check_count("cr8-lets-through", 1);

  // An NMI does not ask for IF. The shorthand "self" is for fixed interrupts alone (Intel SDM vol. 3, 11.6.1).
  set_handler(VECTOR_NMI, on_nmi);
  lapic_send(lapic_id(), ICR_NMI);
  wait_until(nmi_arrived);
  check_dec("nmi", nmis == 1, nmis);
}

void kmain(const struct boot_info *boot)
{
  struct text end;
  idt_init();
  pic_init();
  lapic_enable();
  serial_init();
  pit_stop();
  set_handler(PIC_VECTOR + 7, on_spurious);
  set_handler(PIC_VECTOR + 15, on_spurious);
  check_pic();
  check_elcr();
  check_ioapic_edge();
  check_ioapic_level();
  check_lapic();
  if (option(boot->command_line, "end", &end) && text_is(end, "hang")) {
    pit_start(0, PIT_ONE_SHOT, PIT_10_MS);
    print_summary();
    uart_raise();
    for (uint32_t before = nmis;;) {
      interrupts_on_for(PIT_10_MS);
      if (nmis != before)
        note_dec("nmi", before = nmis);
    }
  }
  finish();
}
