/** Where a PC has a serial port. */
export interface ComPort {
  readonly name: string;
  /** First of its eight I/O ports. */
  readonly base: number;
  /** ISA interrupt. */
  readonly isaIrq: number;
}

export const COM1: ComPort = { name: 'com1', base: 0x3f8, isaIrq: 4 };
export const COM2: ComPort = { name: 'com2', base: 0x2f8, isaIrq: 3 };
export const COM3: ComPort = { name: 'com3', base: 0x3e8, isaIrq: 4 };
export const COM4: ComPort = { name: 'com4', base: 0x2e8, isaIrq: 3 };
/** The serial ports of a PC, in their order. */
export const COM_PORTS = [COM1, COM2, COM3, COM4] as const;
