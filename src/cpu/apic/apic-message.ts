/** How an interrupt message is taken (Intel SDM vol. 3, 11.6.1). */
export enum DeliveryMode {
  FIXED = 0,
  LOWEST = 1,
  SMI = 2,
  NMI = 4,
  INIT = 5,
  STARTUP = 6,
  EXTINT = 7,
}

/** An interrupt message on its way between APICs. */
export interface ApicMessage {
  /** 32 bits, as in x2APIC mode; {@link BROADCAST} for all. */
  readonly destination: number;
  readonly logical: boolean;
  readonly mode: DeliveryMode;
  readonly vector: number;
  /** Level-triggered: its end is reported. */
  readonly level: boolean;
}

/** The destination that names every APIC (11.12.9). */
export const BROADCAST = 0xffff_ffff;

/** A destination of 8 bits, as xAPICs, IOAPICs and MSIs have it. */
export function destinationOf(byte: number): number {
  return byte === 0xff ? BROADCAST : byte;
}

/** Destination shorthands of the interrupt command register (11.6.1). */
export enum Shorthand {
  NONE = 0,
  SELF = 1,
  ALL = 2,
  OTHERS = 3,
}
