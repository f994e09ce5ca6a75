import type { MsiMessage } from '../../vmm/accelerator.js';
import type { BusRange, BusTarget, Device, DeviceState } from '../../vmm/device.js';
import type { IrqInputs } from '../../vmm/interrupts.js';
import { RegisterBlock, type Register } from '../registers.js';

/** Where the PC has it. */
export const IOAPIC_BASE = 0xfec0_0000;
/** Input pins, and so redirection entries. */
export const IOAPIC_PINS = 24;

const WINDOW_SIZE = 0x1000;
const VERSION = 0x20;

/** A redirection entry's low half (82093AA, 3.2.4). */
const VECTOR = 0x0000_00ff;
const DELIVERY_MODE = 0x0000_0700;
const LOGICAL = 0x0000_0800;
const REMOTE_IRR = 0x0000_4000;
const LEVEL = 0x0000_8000;
const MASKED = 0x0001_0000;
/** All but delivery status (12) and remote IRR (14), which are read-only, and the reserved bits. */
const LOW_WRITABLE = 0x0001_afff;
const HIGH_WRITABLE = 0xff00_0000;

/** Fixed and lowest priority are 0 and 1; what is above is edge-triggered by nature. */
const DELIVERY_LOWEST = 0x100;

/** Intel SDM volume 3, 11.11: message address and data. */
const MSI_ADDRESS = 0xfee0_0000;
const MSI_LOGICAL = 1 << 2;
const MSI_ASSERT = 1 << 14;
const MSI_LEVEL = 1 << 15;

/** What an IOAPIC needs of its machine. */
export interface IoapicOptions {
  /**
   * An interrupt message to the local APICs in the format of an MSI: every delivery mode, ExtINT (7) too, whose
   * vector comes from the PIC's INTA cycle and not from the message.
   */
  send(address: number, data: number): void;
  /**
   * What the pins would send has changed. An accelerator whose local APICs are in the kernel learns from it which
   * vectors' EOIs are to be reported to {@link Ioapic.eoi}.
   *
   * A masked pin has no route, but for a level-triggered one whose interrupt is not yet ended: guests mask in the
   * handler and end the interrupt afterwards, and without that EOI the pin would stay blocked for ever. Its route
   * goes away with the EOI.
   * @param routes the IOAPIC's own list, by pin: copy it to keep it
   */
  onRoutes(routes: readonly (MsiMessage | undefined)[]): void;
}

type IoapicState = {
  readonly select: number;
  readonly id: number;
  readonly pins: number;
  readonly low: readonly number[];
  readonly high: readonly number[];
};

const WINDOW = new RegisterBlock<Ioapic>(
  [
    {
      name: 'IOREGSEL',
      offset: 0x00,
      width: 4,
      read: ioapic => ioapic.select,
      write: (ioapic, value) => (ioapic.select = value & 0xff),
    },
    {
      name: 'IOWIN',
      offset: 0x10,
      width: 4,
      read: ioapic => INDEXED.read(ioapic, ioapic.select * 4, 4),
      write: (ioapic, value) => INDEXED.write(ioapic, ioapic.select * 4, 4, value),
    },
    { name: 'EOIR', offset: 0x40, width: 4, write: (ioapic, value) => ioapic.eoi(value & 0xff) },
  ],
  0x00,
);

/** The registers behind IOWIN; each index is 32 bits wide. */
const INDEXED = new RegisterBlock<Ioapic>(
  [
    {
      name: 'IOAPICID',
      offset: 0,
      width: 4,
      read: ioapic => ioapic.id,
      write: (ioapic, value) => (ioapic.id = value & 0x0f00_0000),
    },
    { name: 'IOAPICVER', offset: 4, width: 4, read: () => ((IOAPIC_PINS - 1) << 16) | VERSION },
    { name: 'IOAPICARB', offset: 8, width: 4, read: ioapic => ioapic.id },
    ...Array.from({ length: IOAPIC_PINS }, (_, pin) => redirectionEntry(pin)).flat(),
  ],
  0x00,
);

function redirectionEntry(pin: number): Register<Ioapic>[] {
  const offset = (0x10 + 2 * pin) * 4;
  return [
    {
      name: `IOREDTBL${pin}[31:0]`,
      offset,
      width: 4,
      read: ioapic => ioapic.low[pin],
      write: (ioapic, value) => ioapic.writeLow(pin, value),
    },
    {
      name: `IOREDTBL${pin}[63:32]`,
      offset: offset + 4,
      width: 4,
      read: ioapic => ioapic.high[pin],
      write: (ioapic, value) => ioapic.writeHigh(pin, value),
    },
  ];
}

/**
 * The I/O APIC: Intel 82093AA (order number 290566) as Intel's ICH9 has it, version 0x20 with an EOI register.
 *
 * - An input's level means asserted or not; the polarity bit is kept and changes nothing. Boards and guests agree
 *   on polarity through ACPI, and the line that a device drives here is already the logical one.
 * - Edges on a masked pin are lost (3.2.4: "not delivered or held pending"), as in KVM and QEMU. A level that is
 *   still asserted when its pin is unmasked is sent then.
 * - Delivery is immediate, so that the delivery status is always 0 (idle).
 * - SMI, NMI, INIT and ExtINT are edge-triggered whatever the trigger bit says (3.2.4 demands it of the guest);
 *   nobody would end them, so that their remote IRR would stay set.
 * - Making an entry edge-triggered clears its remote IRR. Linux relies on it to end an interrupt by hand.
 */
export class Ioapic implements Device, IrqInputs {
  readonly name = 'ioapic';
  readonly ranges: readonly BusRange[];
  /** @internal IOREGSEL. */
  select = 0;
  /** @internal IOAPICID: bits 27:24. */
  id = 0;
  /** @internal Redirection entries, bits 31:0. */
  readonly low = new Uint32Array(IOAPIC_PINS).fill(MASKED);
  /** @internal Redirection entries, bits 63:32. */
  readonly high = new Uint32Array(IOAPIC_PINS);
  /** Levels of the inputs. */
  private pins = 0;
  private readonly routes: (MsiMessage | undefined)[] = new Array<undefined>(IOAPIC_PINS).fill(undefined);

  constructor(private readonly options: IoapicOptions) {
    const window = WINDOW.bind(this);
    const indexed = INDEXED.bind(this);
    const target: BusTarget = {
      ...window,
      registerName: (offset, direction) =>
        (offset === 0x10 ? indexed.registerName?.(this.select * 4, direction) : undefined) ??
        window.registerName!(offset, direction),
    };
    this.ranges = [{ space: 'mmio', base: IOAPIC_BASE, size: WINDOW_SIZE, target }];
  }

  /** Drives input `pin` (0–23): `true` is asserted. */
  setPin(pin: number, level: boolean): void {
    const bit = 1 << pin;
    if (((this.pins & bit) !== 0) === level) return;
    this.pins ^= bit;
    if (!level || this.low[pin] & MASKED) return;
    if (this.isLevel(pin)) this.serviceLevel(pin);
    else this.sendFrom(pin);
  }

  /**
   * A local APIC ended level-triggered `vector`, or the guest wrote it to the EOI register: its pins may send again,
   * and those that are still asserted do.
   */
  eoi(vector: number): void {
    for (let pin = 0; pin < IOAPIC_PINS; pin++) {
      const low = this.low[pin];
      if (!(low & REMOTE_IRR) || (low & VECTOR) !== vector) continue;
      this.low[pin] = low & ~REMOTE_IRR;
      this.entryChanged(pin);
    }
  }

  /** All entries masked. Inputs keep their levels: they belong to the devices that drive them. */
  reset(): void {
    this.select = 0;
    this.id = 0;
    this.low.fill(MASKED);
    this.high.fill(0);
    for (let pin = 0; pin < IOAPIC_PINS; pin++) this.routes[pin] = undefined;
    this.options.onRoutes(this.routes);
  }

  save(): DeviceState {
    return {
      select: this.select,
      id: this.id,
      pins: this.pins,
      low: Array.from(this.low),
      high: Array.from(this.high),
    } satisfies IoapicState;
  }

  /** Restores the entries and announces their routes; what was sent before is in the local APICs' state. */
  load(state: DeviceState): void {
    const { select, id, pins, low, high } = state as IoapicState;
    this.select = select;
    this.id = id;
    this.pins = pins;
    this.low.set(low);
    this.high.set(high);
    for (let pin = 0; pin < IOAPIC_PINS; pin++) this.updateRoute(pin);
    this.options.onRoutes(this.routes);
  }

  /** @internal */
  writeLow(pin: number, value: number): void {
    const remoteIrr = this.low[pin] & REMOTE_IRR;
    this.low[pin] = value & LOW_WRITABLE;
    if (this.isLevel(pin)) this.low[pin] |= remoteIrr;
    this.entryChanged(pin);
  }

  /** @internal */
  writeHigh(pin: number, value: number): void {
    this.high[pin] = value & HIGH_WRITABLE;
    this.entryChanged(pin);
  }

  private entryChanged(pin: number): void {
    // Routes first: the EOI of what is sent now must already be reported.
    if (this.updateRoute(pin)) this.options.onRoutes(this.routes);
    if (this.isLevel(pin) && this.pins & (1 << pin)) this.serviceLevel(pin);
  }

  private serviceLevel(pin: number): void {
    if (this.low[pin] & (MASKED | REMOTE_IRR)) return;
    this.low[pin] |= REMOTE_IRR;
    this.sendFrom(pin);
  }

  private sendFrom(pin: number): void {
    this.options.send(this.addressOf(pin), this.dataOf(pin));
  }

  private isLevel(pin: number): boolean {
    const low = this.low[pin];
    return (low & LEVEL) !== 0 && (low & DELIVERY_MODE) <= DELIVERY_LOWEST;
  }

  private addressOf(pin: number): number {
    const destination = this.high[pin] >>> 24;
    return (MSI_ADDRESS | (destination << 12) | (this.low[pin] & LOGICAL ? MSI_LOGICAL : 0)) >>> 0;
  }

  private dataOf(pin: number): number {
    return (this.low[pin] & (VECTOR | DELIVERY_MODE)) | (this.isLevel(pin) ? MSI_ASSERT | MSI_LEVEL : 0);
  }

  /** @returns whether the route of `pin` is another than before */
  private updateRoute(pin: number): boolean {
    const before = this.routes[pin];
    if (this.low[pin] & MASKED && !(this.low[pin] & REMOTE_IRR)) {
      this.routes[pin] = undefined;
      return before !== undefined;
    }
    const address = this.addressOf(pin);
    const data = this.dataOf(pin);
    if (before?.address === address && before.data === data) return false;
    this.routes[pin] = { address, data };
    return true;
  }
}
