/**
 * ACPI Machine Language, written as the terms of ACPI 6.5, chapter 20. Each function encodes one term; what it takes is
 * typed as the grammar has it. The names are ASL's (chapter 19), so that a table's source reads like ASL:
 *
 *     device('RTC', name('_HID', eisaId('PNP0B00')), name('_CRS', resourceTemplate(io(0x70, 2), irqNoFlags(8))))
 */
export type * from './aml/encoding.js';
export { encoded } from './aml/encoding.js';
export * from './aml/address-space.js';
export * from './aml/control.js';
export * from './aml/data.js';
export * from './aml/interrupt-routing.js';
export { reference } from './aml/name-string.js';
export * from './aml/objects.js';
export {
  interrupt,
  io,
  irq,
  irqNoFlags,
  memory32Fixed,
  resourceTemplate,
  type Descriptor,
  type InterruptMode,
} from './aml/resources.js';
