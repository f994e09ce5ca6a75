/**
 * Interrupts that INTA# to INTD# of all slots share. They are ISA interrupts that nothing else on this board uses, so
 * that kernels which know the PIC alone can have them too. Level-triggered (PCI Local Bus 3.0, 2.2.6).
 */
export const INTX_GSIS = [10, 11, 5] as const;

export const SLOTS = 32;

/** The global system interrupt of a pin. @param slot 0 to 31 @param pin INTA# to INTD# as 1 to 4 */
export function intxGsi(slot: number, pin: number): number {
  return INTX_GSIS[(slot + pin - 1) % INTX_GSIS.length];
}
