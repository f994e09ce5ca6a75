import { setChecksum } from '../checksum.js';
import { blob, seq, u16, u32, u8 } from 'buffer-layout';
import { ConfigError } from '../../errors.js';
import { INTX_GSIS, intxGsi, SLOTS } from '../../devices/pci/wiring.js';
import { mmioSlots, type MmioSlot } from '../../devices/virtio/transport/mmio-slots.js';
import { ascii, encode, offsetOf, structure } from '../layout.js';
import type { GuestMemory } from '../memory/guest-memory.js';
import { BASE_MEMORY_END } from './e820.js';

/** The structures of the Intel MultiProcessor Specification 1.4, chapter 4. */
interface FloatingPointer {
  readonly signature: string;
  readonly configuration: number;
  /** In units of 16 bytes. */
  readonly length: number;
  readonly revision: number;
  readonly checksum: number;
  readonly features: number[];
}

/** 4.1 */
const FLOATING_POINTER = structure<FloatingPointer>(
  [
    ascii(4, 'signature'),
    u32('configuration'),
    u8('length'),
    u8('revision'),
    u8('checksum'),
    seq(u8(), 5, 'features'),
  ],
  16,
);

interface ConfigurationHeader {
  readonly signature: string;
  readonly length: number;
  readonly revision: number;
  readonly checksum: number;
  readonly oem: string;
  readonly product: string;
  readonly entryCount: number;
  readonly localApic: number;
}

/** 4.2 */
const CONFIGURATION_HEADER = structure<ConfigurationHeader>(
  [
    ascii(4, 'signature'),
    u16('length'),
    u8('revision'),
    u8('checksum'),
    ascii(8, 'oem'),
    ascii(12, 'product'),
    blob(6), // OEM table: none
    u16('entryCount'),
    u32('localApic'),
    blob(4), // extended table: none
  ],
  44,
);

interface ProcessorEntry {
  readonly type: number;
  readonly apicId: number;
  readonly apicVersion: number;
  readonly flags: number;
  readonly signature: number;
  readonly features: number;
}

/** 4.3.1 */
const PROCESSOR = structure<ProcessorEntry>(
  [u8('type'), u8('apicId'), u8('apicVersion'), u8('flags'), u32('signature'), u32('features'), blob(8)],
  20,
);

interface BusEntry {
  readonly type: number;
  readonly id: number;
  readonly name: string;
}

/** 4.3.2 */
const BUS = structure<BusEntry>([u8('type'), u8('id'), ascii(6, 'name')], 8);

interface IoapicEntry {
  readonly type: number;
  readonly id: number;
  readonly version: number;
  readonly flags: number;
  readonly address: number;
}

/** 4.3.3 */
const IOAPIC = structure<IoapicEntry>([u8('type'), u8('id'), u8('version'), u8('flags'), u32('address')], 8);

interface InterruptEntry {
  readonly type: number;
  readonly interruptType: number;
  readonly flags: number;
  readonly sourceBus: number;
  readonly sourceIrq: number;
  readonly apicId: number;
  readonly pin: number;
}

/** 4.3.4 and 4.3.5, which differ in the type alone */
const INTERRUPT = structure<InterruptEntry>(
  [u8('type'), u8('interruptType'), u16('flags'), u8('sourceBus'), u8('sourceIrq'), u8('apicId'), u8('pin')],
  8,
);

const TYPE_PROCESSOR = 0;
const TYPE_BUS = 1;
const TYPE_IOAPIC = 2;
const TYPE_IO_INTERRUPT = 3;
const TYPE_LOCAL_INTERRUPT = 4;

const INT = 0;
const NMI = 1;
const EXT_INT = 3;

const REVISION = 4;
const ENABLED = 1;
const BOOT_PROCESSOR = 2;
/** What the machine's APICs answer in their version registers. */
const LOCAL_APIC_VERSION = 0x14;
const IOAPIC_VERSION = 0x20;
/** Family 6; FPU, CX8, APIC. Kernels take both from CPUID. */
const PROCESSOR_SIGNATURE = 0x600;
const PROCESSOR_FEATURES = 0x301;
const LOCAL_APIC_ADDRESS = 0xfee0_0000;
const IOAPIC_ADDRESS = 0xfec0_0000;
const ALL_LOCAL_APICS = 0xff;
/** The PCI bus has the number by which configuration space knows it. */
const PCI_BUS = 0;
const ISA_BUS = 1;
/** On a PC the cascade between the two PICs; nothing else is wired to it. */
const CASCADE_IRQ = 2;
const ISA_IRQS = 16;
const TIMER_IRQ = 0;
const TIMER_PIN = 2;
/** Polarity in bits 1–0, trigger mode in bits 3–2 (4.3.4): what PCI's interrupts are. */
const ACTIVE_LOW = 3;
const LEVEL_TRIGGERED = 3 << 2;

const MAX_CPUS = 254;
/** The kibibyte in which kernels look for the floating pointer. */
const AREA_END = BASE_MEMORY_END + 1024;
/** Where the table lies when it is too long to follow the pointer: the end of what a PC has as BIOS ROM. */
const LARGE_TABLE = 0xf_e000;

/** What of the mainboard the table tells. */
export interface MpTableParts {
  readonly pci: boolean;
  readonly pic: boolean;
  readonly mmioSlots: number;
}

/**
 * Writes the MP floating pointer to the start of the last KiB of base memory (639 KiB), where Linux and OSv look for
 * it, and the MP configuration table behind it, or, when it is too long for that, at 0xFE000. It describes CPUs with
 * APIC ids from 0 up, one IOAPIC with the next id, the ISA interrupts, edge-triggered and active-high, each on the
 * pin of its number but for the timer on pin 2, and the interrupts of the PCI bus; of virtio
 * devices at fixed addresses, the interrupts that ISA does not have as if it had.
 *
 * @param cpus 1 to 254
 * @throws ConfigError for another number of CPUs
 */
export function writeMpTable(memory: GuestMemory, cpus: number, parts: MpTableParts): void {
  if (!Number.isInteger(cpus) || cpus < 1 || cpus > MAX_CPUS) {
    throw new ConfigError(`an MP table describes 1 to ${MAX_CPUS} CPUs, not ${cpus}`, { cpus });
  }
  const table = configurationTable(cpus, parts);
  const behind = BASE_MEMORY_END + FLOATING_POINTER.span;
  const address = behind + table.length <= AREA_END ? behind : LARGE_TABLE;
  memory.write(address, table);
  memory.write(BASE_MEMORY_END, floatingPointer(address));
}

function floatingPointer(configuration: number): Uint8Array {
  const pointer = encode(FLOATING_POINTER, {
    signature: '_MP_',
    configuration,
    length: FLOATING_POINTER.span / 16,
    revision: REVISION,
    checksum: 0,
    // There is a configuration table, and no IMCR: the machine starts in virtual wire mode.
    features: [0, 0, 0, 0, 0],
  });
  setChecksum(pointer, offsetOf(FLOATING_POINTER, 'checksum'));
  return pointer;
}

function configurationTable(cpus: number, { pci, pic, mmioSlots: slots }: MpTableParts): Uint8Array {
  const entries = [
    ...Array.from({ length: cpus }, (_, apicId) => processor(apicId)),
    ...(pci ? [encode(BUS, { type: TYPE_BUS, id: PCI_BUS, name: 'PCI   ' })] : []),
    encode(BUS, { type: TYPE_BUS, id: ISA_BUS, name: 'ISA   ' }),
    encode(IOAPIC, {
      type: TYPE_IOAPIC,
      id: cpus,
      version: IOAPIC_VERSION,
      flags: ENABLED,
      address: IOAPIC_ADDRESS,
    }),
    ...isaInterrupts(cpus, pci),
    ...beyondIsa(mmioSlots(slots, pci)).map(gsi => isaInterrupt(gsi, cpus)),
    ...(pci ? pciInterrupts(cpus) : []),
    ...(pic ? [localInterrupt(EXT_INT, 0)] : []),
    localInterrupt(NMI, 1),
  ];
  const body = Buffer.concat(entries);
  const header = encode(CONFIGURATION_HEADER, {
    signature: 'PCMP',
    length: CONFIGURATION_HEADER.span + body.length,
    revision: REVISION,
    checksum: 0,
    oem: 'TSVMM   ',
    product: 'PC          ',
    entryCount: entries.length,
    localApic: LOCAL_APIC_ADDRESS,
  });
  const table = Buffer.concat([header, body]);
  setChecksum(table, offsetOf(CONFIGURATION_HEADER, 'checksum'));
  return table;
}

function processor(apicId: number): Uint8Array {
  return encode(PROCESSOR, {
    type: TYPE_PROCESSOR,
    apicId,
    apicVersion: LOCAL_APIC_VERSION,
    flags: ENABLED | (apicId === 0 ? BOOT_PROCESSOR : 0),
    signature: PROCESSOR_SIGNATURE,
    features: PROCESSOR_FEATURES,
  });
}

function isaInterrupts(ioapicId: number, pci: boolean): Uint8Array[] {
  const taken: readonly number[] = [CASCADE_IRQ, ...(pci ? INTX_GSIS : [])];
  const irqs = Array.from({ length: ISA_IRQS }, (_, irq) => irq).filter(irq => !taken.includes(irq));
  return irqs.map(irq => isaInterrupt(irq, ioapicId));
}

function isaInterrupt(irq: number, ioapicId: number): Uint8Array {
  return encode(INTERRUPT, {
    type: TYPE_IO_INTERRUPT,
    interruptType: INT,
    // Polarity and trigger mode conform to the bus.
    flags: 0,
    sourceBus: ISA_BUS,
    sourceIrq: irq,
    apicId: ioapicId,
    pin: irq === TIMER_IRQ ? TIMER_PIN : irq,
  });
}

/** The interrupts of these devices that are no ISA interrupts. */
function beyondIsa(slots: readonly MmioSlot[]): number[] {
  return [...new Set(slots.map(({ gsi }) => gsi))].filter(gsi => gsi >= ISA_IRQS);
}

/** INTA# of every slot, by slot and pin in the source (D.3); the functions of this machine have no other pin. */
function pciInterrupts(ioapicId: number): Uint8Array[] {
  return Array.from({ length: SLOTS }, (_, slot) =>
    encode(INTERRUPT, {
      type: TYPE_IO_INTERRUPT,
      interruptType: INT,
      flags: ACTIVE_LOW | LEVEL_TRIGGERED,
      sourceBus: PCI_BUS,
      sourceIrq: slot << 2,
      apicId: ioapicId,
      pin: intxGsi(slot, 1),
    }),
  );
}

/** What comes in at LINT0 or LINT1 of every local APIC. */
function localInterrupt(interruptType: number, pin: number): Uint8Array {
  return encode(INTERRUPT, {
    type: TYPE_LOCAL_INTERRUPT,
    interruptType,
    flags: 0,
    sourceBus: ISA_BUS,
    sourceIrq: 0,
    apicId: ALL_LOCAL_APICS,
    pin,
  });
}
