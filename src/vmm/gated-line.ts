import type { IrqLine } from './device.js';

/** A device's interrupt line that the board can cut off: what the device drives arrives when it is open again. */
export class GatedLine implements IrqLine {
  private level = false;
  private isOpen = true;

  constructor(private readonly line: IrqLine) {}

  set(level: boolean): void {
    this.level = level;
    if (this.isOpen) this.line.set(level);
  }

  open(open: boolean): void {
    this.isOpen = open;
    this.line.set(open && this.level);
  }
}
