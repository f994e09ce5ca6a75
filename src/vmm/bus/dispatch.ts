import type { ExitHandlers } from '../accelerator.js';
import type { AccessSize } from '../device.js';
import type { Bus } from './bus.js';

/** What takes part in delivering interrupts besides the buses. */
export interface InterruptChips {
  /** The IOAPIC hears the end of level-triggered interrupts. */
  eoi(vector: number): void;
  /** The PIC's INTA cycle. */
  acknowledge(): number;
}

/** What a vCPU finds in a machine without any device. */
export const NO_DEVICES: ExitHandlers = {
  pioRead: () => 0xffff_ffff,
  pioWrite: () => undefined,
  mmioRead: () => 0xffff_ffff,
  mmioWrite: () => undefined,
  eoi: () => undefined,
  acknowledgePic: () => 0,
};

/** Exits to buses: every access goes to the device that claims its address. */
export class Dispatcher implements ExitHandlers {
  constructor(
    readonly ports: Bus,
    readonly mmio: Bus,
    private readonly chips: InterruptChips,
  ) {}

  pioRead(port: number, size: AccessSize): number {
    return this.ports.read(port, size);
  }

  pioWrite(port: number, size: AccessSize, value: number): void {
    this.ports.write(port, size, value);
  }

  mmioRead(gpa: number, size: AccessSize): number {
    return this.mmio.read(gpa, size);
  }

  mmioWrite(gpa: number, size: AccessSize, value: number): void {
    this.mmio.write(gpa, size, value);
  }

  eoi(vector: number): void {
    this.chips.eoi(vector);
  }

  acknowledgePic(): number {
    return this.chips.acknowledge();
  }
}
