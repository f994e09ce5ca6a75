import { u16, u32, u8 } from 'buffer-layout';
import { IOAPIC_BASE } from '../devices/legacy/ioapic.js';
import { encode, structure } from '../vmm/layout.js';
import { table } from './table.js';

interface MadtBody {
  readonly localApicAddress: number;
  readonly flags: number;
}

/** What is between header and entries (ACPI 6.5, 5.2.12). */
const BODY = structure<MadtBody>([u32('localApicAddress'), u32('flags')], 8);

/** Of ACPI 6.5. */
const REVISION = 6;
const LOCAL_APIC_ADDRESS = 0xfee0_0000;
/** There are two 8259 besides, which are to be masked. */
const PCAT_COMPAT = 1;

interface LocalApic {
  readonly type: number;
  readonly length: number;
  readonly processorUid: number;
  readonly apicId: number;
  readonly flags: number;
}

/** 5.2.12.2 */
const LOCAL_APIC = structure<LocalApic>(
  [u8('type'), u8('length'), u8('processorUid'), u8('apicId'), u32('flags')],
  8,
);
const TYPE_LOCAL_APIC = 0;
const ENABLED = 1;

interface IoApic {
  readonly type: number;
  readonly length: number;
  readonly id: number;
  readonly reserved: number;
  readonly address: number;
  readonly gsiBase: number;
}

/** 5.2.12.3 */
const IO_APIC = structure<IoApic>(
  [u8('type'), u8('length'), u8('id'), u8('reserved'), u32('address'), u32('gsiBase')],
  12,
);
const TYPE_IO_APIC = 1;

interface InterruptSourceOverride {
  readonly type: number;
  readonly length: number;
  readonly bus: number;
  readonly source: number;
  readonly gsi: number;
  readonly flags: number;
}

/** 5.2.12.5 */
const INTERRUPT_SOURCE_OVERRIDE = structure<InterruptSourceOverride>(
  [u8('type'), u8('length'), u8('bus'), u8('source'), u32('gsi'), u16('flags')],
  10,
);
const TYPE_INTERRUPT_SOURCE_OVERRIDE = 2;
const ISA = 0;

interface LocalApicNmi {
  readonly type: number;
  readonly length: number;
  readonly processorUid: number;
  readonly flags: number;
  readonly lint: number;
}

/** 5.2.12.7 */
const LOCAL_APIC_NMI = structure<LocalApicNmi>(
  [u8('type'), u8('length'), u8('processorUid'), u16('flags'), u8('lint')],
  6,
);
const TYPE_LOCAL_APIC_NMI = 4;
const ALL_PROCESSORS = 0xff;

/** MPS INTI flags (5.2.12.5): polarity in bits 1–0, trigger mode in bits 3–2. */
const CONFORMS_TO_BUS = 0;
const ACTIVE_HIGH = 1;
const EDGE_TRIGGERED = 1 << 2;
const LEVEL_TRIGGERED = 3 << 2;

export interface MadtOptions {
  /** Local APIC ids and processor UIDs are 0 to `cpus` − 1. */
  readonly cpus: number;
  /** The machine has the two 8259. */
  readonly pic: boolean;
  /** Global system interrupt on which the ISA timer, IRQ 0, arrives. */
  readonly timerGsi: number;
  readonly sciIrq: number;
}

/**
 * Multiple APIC Description Table (ACPI 6.5, 5.2.12): the local APICs; one IOAPIC with the id after theirs, as the MP
 * table has it; and what differs from ISA's interrupts being GSIs of the same number, edge-triggered and active-high.
 *
 * SCI is level-triggered and active-high: the lines into this machine's IOAPIC are high when asserted.
 */
export function madt({ cpus, pic, timerGsi, sciIrq }: MadtOptions): Uint8Array {
  const body = Buffer.concat([
    encode(BODY, { localApicAddress: LOCAL_APIC_ADDRESS, flags: pic ? PCAT_COMPAT : 0 }),
    ...Array.from({ length: cpus }, (_, id) => localApic(id)),
    encode(IO_APIC, {
      type: TYPE_IO_APIC,
      length: IO_APIC.span,
      id: cpus,
      reserved: 0,
      address: IOAPIC_BASE,
      gsiBase: 0,
    }),
    interruptSourceOverride(0, timerGsi, EDGE_TRIGGERED | ACTIVE_HIGH),
    interruptSourceOverride(sciIrq, sciIrq, LEVEL_TRIGGERED | ACTIVE_HIGH),
    encode(LOCAL_APIC_NMI, {
      type: TYPE_LOCAL_APIC_NMI,
      length: LOCAL_APIC_NMI.span,
      processorUid: ALL_PROCESSORS,
      flags: CONFORMS_TO_BUS,
      lint: 1,
    }),
  ]);
  return table('APIC', REVISION, body);
}

function localApic(id: number): Uint8Array {
  return encode(LOCAL_APIC, {
    type: TYPE_LOCAL_APIC,
    length: LOCAL_APIC.span,
    processorUid: id,
    apicId: id,
    flags: ENABLED,
  });
}

function interruptSourceOverride(source: number, gsi: number, flags: number): Uint8Array {
  return encode(INTERRUPT_SOURCE_OVERRIDE, {
    type: TYPE_INTERRUPT_SOURCE_OVERRIDE,
    length: INTERRUPT_SOURCE_OVERRIDE.span,
    bus: ISA,
    source,
    gsi,
    flags,
  });
}
