import { u16, u32, u8 } from 'buffer-layout';
import { encode, structure } from '../../vmm/layout.js';
import { buffer } from './data.js';
import { encoded, type ComputationalData, type Encoded } from './encoding.js';

/** A resource descriptor (ACPI 6.5, 6.4): an element of what `_CRS` returns. */
export type Descriptor = Encoded<'descriptor'>;

/** 6.4.2.9. A checksum of 0 counts as right. */
const END_TAG = Uint8Array.of(0x79, 0x00);

/** What `_CRS` and its like return: a buffer of descriptors and an end tag. */
export function resourceTemplate(...descriptors: readonly Descriptor[]): ComputationalData {
  return buffer(encoded(...descriptors, END_TAG));
}

interface Irq {
  readonly tag: number;
  readonly mask: number;
}

/** 6.4.2.1, without the information byte */
const IRQ_NO_FLAGS = structure<Irq>([u8('tag'), u16('mask')], 3);

interface IrqWithFlags extends Irq {
  readonly information: number;
}

/** 6.4.2.1 */
const IRQ = structure<IrqWithFlags>([u8('tag'), u16('mask'), u8('information')], 4);
const IRQ_NO_FLAGS_TAG = 0x22;
const IRQ_TAG = 0x23;

/** Bits of the IRQ descriptor's information byte. */
const IRQ_EDGE = 1 << 0;
const IRQ_ACTIVE_LOW = 1 << 3;
const IRQ_SHARED = 1 << 4;

/** An interrupt as a device drives it. */
export interface InterruptMode {
  readonly trigger: 'edge' | 'level';
  readonly polarity: 'high' | 'low';
  readonly sharing: 'exclusive' | 'shared';
}

/** `IRQNoFlags () {irq}`: an ISA interrupt, edge-triggered, active-high, exclusive. @param irq 0 to 15 */
export function irqNoFlags(irq: number): Descriptor {
  return encoded(encode(IRQ_NO_FLAGS, { tag: IRQ_NO_FLAGS_TAG, mask: irqMask(irq) }));
}

/** `IRQ (…) {irq}`. @param irq 0 to 15 */
export function irq(number: number, { trigger, polarity, sharing }: InterruptMode): Descriptor {
  const information =
    (trigger === 'edge' ? IRQ_EDGE : 0) |
    (polarity === 'low' ? IRQ_ACTIVE_LOW : 0) |
    (sharing === 'shared' ? IRQ_SHARED : 0);
  return encoded(encode(IRQ, { tag: IRQ_TAG, mask: irqMask(number), information }));
}

function irqMask(irq: number): number {
  if (!(Number.isInteger(irq) && irq >= 0 && irq <= 15))
    throw new RangeError(`there is no ISA interrupt ${irq}`);
  return 1 << irq;
}

interface Io {
  readonly tag: number;
  readonly information: number;
  readonly minimum: number;
  readonly maximum: number;
  readonly alignment: number;
  readonly length: number;
}

/** 6.4.2.5 */
const IO = structure<Io>(
  [u8('tag'), u8('information'), u16('minimum'), u16('maximum'), u8('alignment'), u8('length')],
  8,
);
const IO_TAG = 0x47;
const DECODE_16 = 1;

/** `IO (Decode16, base, base, 1, length)`: ports at a fixed place. @param length 1 to 255 */
export function io(base: number, length: number): Descriptor {
  return encoded(
    encode(IO, {
      tag: IO_TAG,
      information: DECODE_16,
      minimum: base,
      maximum: base,
      alignment: 1,
      length,
    }),
  );
}

interface Memory32Fixed {
  readonly tag: number;
  readonly size: number;
  readonly information: number;
  readonly base: number;
  readonly length: number;
}

/** 6.4.3.4 */
const MEMORY32_FIXED = structure<Memory32Fixed>(
  [u8('tag'), u16('size'), u8('information'), u32('base'), u32('length')],
  12,
);
const MEMORY32_FIXED_TAG = 0x86;
const WRITABLE = 1;
/** @internal The tag and the size itself do not count into a large descriptor's size (6.4.3). */
export const LARGE_HEADER = 3;

/** `Memory32Fixed (ReadWrite, base, length)`. */
export function memory32Fixed(base: number, length: number): Descriptor {
  return encoded(
    encode(MEMORY32_FIXED, {
      tag: MEMORY32_FIXED_TAG,
      size: MEMORY32_FIXED.span - LARGE_HEADER,
      information: WRITABLE,
      base,
      length,
    }),
  );
}

interface ExtendedInterrupt {
  readonly tag: number;
  readonly size: number;
  readonly flags: number;
  readonly count: number;
  readonly gsi: number;
}

/** 6.4.3.6, with one interrupt */
const EXTENDED_INTERRUPT = structure<ExtendedInterrupt>(
  [u8('tag'), u16('size'), u8('flags'), u8('count'), u32('gsi')],
  9,
);
const EXTENDED_INTERRUPT_TAG = 0x89;
const CONSUMER = 1 << 0;
const EXTENDED_EDGE = 1 << 1;
const EXTENDED_ACTIVE_LOW = 1 << 2;
const EXTENDED_SHARED = 1 << 3;

/** `Interrupt (ResourceConsumer, …) {gsi}`: a global system interrupt that the device drives. */
export function interrupt(gsi: number, { trigger, polarity, sharing }: InterruptMode): Descriptor {
  const flags =
    CONSUMER |
    (trigger === 'edge' ? EXTENDED_EDGE : 0) |
    (polarity === 'low' ? EXTENDED_ACTIVE_LOW : 0) |
    (sharing === 'shared' ? EXTENDED_SHARED : 0);
  return encoded(
    encode(EXTENDED_INTERRUPT, {
      tag: EXTENDED_INTERRUPT_TAG,
      size: EXTENDED_INTERRUPT.span - LARGE_HEADER,
      flags,
      count: 1,
      gsi,
    }),
  );
}
