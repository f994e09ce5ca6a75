import type { ConfigRegister, ConfigSpace } from './config-space.js';

/** Offsets in the type 0 header (PCI Local Bus 3.0, 6.1). */
export const Header = {
  VENDOR_ID: 0x00,
  DEVICE_ID: 0x02,
  COMMAND: 0x04,
  STATUS: 0x06,
  REVISION_ID: 0x08,
  CLASS_CODE: 0x09,
  HEADER_TYPE: 0x0e,
  BAR0: 0x10,
  SUBSYSTEM_VENDOR_ID: 0x2c,
  SUBSYSTEM_ID: 0x2e,
  INTERRUPT_LINE: 0x3c,
  INTERRUPT_PIN: 0x3d,
} as const;

/** Bits of the command register (6.2.2). */
export const Command = {
  IO_SPACE: 1 << 0,
  MEMORY_SPACE: 1 << 1,
  BUS_MASTER: 1 << 2,
  INTERRUPT_DISABLE: 1 << 10,
} as const;

/** Bits of the status register (6.2.3). */
export const PciStatus = { INTERRUPT: 1 << 3 } as const;

/** What software can write of the command register: the above, parity and SERR# reporting. */
const COMMAND_WRITABLE = 0x0547;
/** Error bits of the status register: cleared by writing ones. */
const STATUS_CLEARABLE = 0xf900;

/** Whether the command register lets the function write and read memory by itself: data, and messages that interrupt. */
export function mastersBus(config: ConfigSpace): boolean {
  return (config.get(Header.COMMAND, 2) & Command.BUS_MASTER) !== 0;
}

/** Who a function says it is. */
export interface PciIdentity {
  readonly vendorId: number;
  readonly deviceId: number;
  readonly revision?: number;
  /** Class, subclass and programming interface, as 24 bits. */
  readonly classCode: number;
  readonly subsystemVendorId?: number;
  readonly subsystemId?: number;
  /** INTA# to INTD# as 1 to 4, 0 for none. */
  readonly interruptPin?: number;
  readonly multifunction?: boolean;
}

/** The registers of a type 0 header but for the base address registers. */
export function headerRegisters(identity: PciIdentity, onCommand: () => void): readonly ConfigRegister[] {
  const { vendorId, deviceId, revision = 0, classCode, multifunction = false } = identity;
  const { subsystemVendorId = 0, subsystemId = 0, interruptPin = 0 } = identity;
  return [
    { name: 'VENDOR_ID', offset: 0x00, width: 2, value: vendorId },
    { name: 'DEVICE_ID', offset: 0x02, width: 2, value: deviceId },
    { name: 'COMMAND', offset: 0x04, width: 2, writable: COMMAND_WRITABLE, onWrite: onCommand },
    { name: 'STATUS', offset: 0x06, width: 2, clearable: STATUS_CLEARABLE },
    { name: 'REVISION_ID', offset: 0x08, width: 1, value: revision },
    { name: 'PROGRAMMING_INTERFACE', offset: 0x09, width: 1, value: classCode & 0xff },
    { name: 'CLASS', offset: 0x0a, width: 2, value: classCode >>> 8 },
    { name: 'CACHE_LINE_SIZE', offset: 0x0c, width: 1, writable: 0xff },
    { name: 'LATENCY_TIMER', offset: 0x0d, width: 1 },
    { name: 'HEADER_TYPE', offset: 0x0e, width: 1, value: multifunction ? 0x80 : 0 },
    { name: 'BIST', offset: 0x0f, width: 1 },
    { name: 'CARDBUS_CIS', offset: 0x28, width: 4 },
    { name: 'SUBSYSTEM_VENDOR_ID', offset: 0x2c, width: 2, value: subsystemVendorId },
    { name: 'SUBSYSTEM_ID', offset: 0x2e, width: 2, value: subsystemId },
    { name: 'EXPANSION_ROM', offset: 0x30, width: 4 },
    { name: 'CAPABILITIES', offset: 0x34, width: 1 },
    { name: 'INTERRUPT_LINE', offset: 0x3c, width: 1, writable: 0xff },
    { name: 'INTERRUPT_PIN', offset: 0x3d, width: 1, value: interruptPin },
    { name: 'MIN_GNT', offset: 0x3e, width: 1 },
    { name: 'MAX_LAT', offset: 0x3f, width: 1 },
  ];
}
