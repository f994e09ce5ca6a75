/**
 * Checks of guests/irqs that fail where KVM has no hardware virtualization: it acknowledges an interrupt when it is delivered, so
 * that the guest never sees it in service, and may deliver it a second time when something comes in between.
 */
export const NOT_ON_EMULATING_KVM = [
  'ioapic-level',
  'ioapic-level-again',
  'ioapic-level-unmasked',
  'ioapic-remote-irr',
  'ioapic-remote-irr-after-eoi',
  'lapic-isr',
  'lapic-self-ipi',
  'tpr-lets-through',
  'cr8-lets-through',
];
