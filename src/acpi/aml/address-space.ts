import { u16, u32, u8, type Layout } from 'buffer-layout';
import { encode, structure, u64 } from '../../vmm/layout.js';
import { encoded } from './encoding.js';
import { LARGE_HEADER, type Descriptor } from './resources.js';

/** Address space descriptors of any width (ACPI 6.5, 6.4.3.5). */
interface AddressSpace<Address> {
  readonly tag: number;
  readonly size: number;
  readonly type: number;
  readonly generalFlags: number;
  readonly typeFlags: number;
  readonly granularity: Address;
  readonly minimum: Address;
  readonly maximum: Address;
  readonly translation: Address;
  readonly length: Address;
}

function layoutOf<Address>(address: (property: string) => Layout<unknown>, span: number) {
  return structure<AddressSpace<Address>>(
    [
      u8('tag'),
      u16('size'),
      u8('type'),
      u8('generalFlags'),
      u8('typeFlags'),
      address('granularity'),
      address('minimum'),
      address('maximum'),
      address('translation'),
      address('length'),
    ],
    span,
  );
}

/** 6.4.3.5.3, 6.4.3.5.2, 6.4.3.5.1 */
const WORD = layoutOf<number>(u16, 16);
const DWORD = layoutOf<number>(u32, 26);
const QWORD = layoutOf<bigint>(u64, 46);
const WORD_TAG = 0x88;
const DWORD_TAG = 0x87;
const QWORD_TAG = 0x8a;

const MEMORY = 0;
const IO = 1;
const BUS_NUMBERS = 2;

/** General flags: the bridge hands the range on (bit 0 clear), decodes it positively, and both its ends are fixed. */
const PRODUCER_FIXED = (1 << 2) | (1 << 3);
/** Type-specific flags of memory (6.4.3.5.5). */
const READ_WRITE = 1 << 0;
const CACHEABLE = 1 << 1;
const PREFETCHABLE = 3 << 1;
/** Type-specific flags of ports: ISA and non-ISA addresses alike. */
const ENTIRE_RANGE = 3;

/** How a range of memory may be accessed. */
export type MemoryCaching = 'uncached' | 'cacheable' | 'prefetchable';

const CACHING: Readonly<Record<MemoryCaching, number>> = {
  uncached: 0,
  cacheable: CACHEABLE,
  prefetchable: PREFETCHABLE,
};

/** `WordBusNumber`: the buses from `first` to `last` are behind this bridge. */
export function wordBusNumber(first: number, last: number): Descriptor {
  return word(BUS_NUMBERS, 0, first, last - first + 1);
}

/** `WordIO`: a bridge passes `length` ports from `base` on. */
export function wordIo(base: number, length: number): Descriptor {
  return word(IO, ENTIRE_RANGE, base, length);
}

/** `DWordMemory`: a bridge passes `length` bytes from `base`, all below 4 GiB. */
export function dwordMemory(base: number, length: number, caching: MemoryCaching = 'uncached'): Descriptor {
  return encoded(
    encode(DWORD, {
      tag: DWORD_TAG,
      size: DWORD.span - LARGE_HEADER,
      type: MEMORY,
      generalFlags: PRODUCER_FIXED,
      typeFlags: READ_WRITE | CACHING[caching],
      granularity: 0,
      minimum: base,
      maximum: base + length - 1,
      translation: 0,
      length,
    }),
  );
}

/** `QWordMemory`: a bridge passes `length` bytes from `base`. */
export function qwordMemory(base: bigint, length: bigint, caching: MemoryCaching = 'uncached'): Descriptor {
  return encoded(
    encode(QWORD, {
      tag: QWORD_TAG,
      size: QWORD.span - LARGE_HEADER,
      type: MEMORY,
      generalFlags: PRODUCER_FIXED,
      typeFlags: READ_WRITE | CACHING[caching],
      granularity: 0n,
      minimum: base,
      maximum: base + length - 1n,
      translation: 0n,
      length,
    }),
  );
}

function word(type: number, typeFlags: number, minimum: number, length: number): Descriptor {
  return encoded(
    encode(WORD, {
      tag: WORD_TAG,
      size: WORD.span - LARGE_HEADER,
      type,
      generalFlags: PRODUCER_FIXED,
      typeFlags,
      granularity: 0,
      minimum,
      maximum: minimum + length - 1,
      translation: 0,
      length,
    }),
  );
}
