import type { AccessSize, BusRange, Device, DeviceState, IrqLine } from '../../vmm/device.js';
import { Bar, type BarBuses, type BarOptions } from './bar.js';
import { ConfigSpace } from './config-space.js';
import { Command, Header, headerRegisters, PciStatus, type PciIdentity } from './header.js';

/** What a PCI function may use of its machine. */
export interface PciHost extends BarBuses {
  /** Sends a message-signalled interrupt: a write of `data` to `address`, below 4 GiB. */
  sendMsi(address: number, data: number): void;
  /** The line of INTA# to INTD# (1 to 4) of the function at `slot`. */
  intx(slot: number, pin: number): { readonly line: IrqLine; readonly gsi: number };
}

/** A function on the bus: its configuration space and what its base address registers lead to. */
export class PciFunction implements Device {
  /** Its ranges are where its base address registers say. */
  readonly ranges: readonly BusRange[] = [];
  readonly config: ConfigSpace;
  readonly bars: Bar[] = [];
  private line: IrqLine | undefined;
  private asserted = false;

  constructor(
    readonly name: string,
    identity: PciIdentity,
    protected readonly host: PciHost,
    configSize?: number,
  ) {
    this.config = new ConfigSpace(configSize);
    this.config.define(
      headerRegisters(identity, () => {
        this.obeyCommand();
        this.commandWritten();
      }),
    );
  }

  /** Gives the function one more base address register. */
  addBar(options: BarOptions): void {
    const bar = new Bar(options, this.name, this.config, this.host);
    this.config.define(bar.registers());
    this.bars.push(bar);
  }

  /** It has been put into `slot`: its interrupt pin is wired now. */
  attach(slot: number): void {
    const pin = this.config.get(Header.INTERRUPT_PIN, 1);
    if (pin === 0) return;
    const { line, gsi } = this.host.intx(slot, pin);
    this.line = line;
    // As firmware leaves it: what operating systems without ACPI go by.
    this.config.preset(Header.INTERRUPT_LINE, 1, gsi);
  }

  readConfig(offset: number, size: AccessSize): number {
    return this.config.read(offset, size);
  }

  writeConfig(offset: number, size: AccessSize, value: number): void {
    this.config.write(offset, size, value);
    this.updateLine();
  }

  /** Drives INTx#; the status register tells it also while the command register keeps it from the line (6.2.4). */
  setIntx(level: boolean): void {
    this.asserted = level;
    const status = this.config.get(Header.STATUS, 2);
    this.config.set(Header.STATUS, 2, level ? status | PciStatus.INTERRUPT : status & ~PciStatus.INTERRUPT);
    this.updateLine();
  }

  reset(): void {
    this.asserted = false;
    this.config.reset();
    this.obeyCommand();
  }

  save(): DeviceState {
    return { config: this.config.save(), intx: this.asserted };
  }

  load(state: DeviceState): void {
    this.config.load(state.config as readonly number[]);
    this.asserted = state.intx as boolean;
    this.obeyCommand();
  }

  /** Software has written the command register: for what a function does by itself. */
  protected commandWritten(): void {}

  /** True while the driver wants messages, with which a function must not use its pin (6.8.1, 6.8.2). */
  protected get sendsMessages(): boolean {
    return false;
  }

  private obeyCommand(): void {
    for (const bar of this.bars) bar.update();
    this.updateLine();
  }

  /** After a change of what keeps the interrupt from its line. */
  protected updateLine(): void {
    const disabled = (this.config.get(Header.COMMAND, 2) & Command.INTERRUPT_DISABLE) !== 0;
    this.line?.set(this.asserted && !disabled && !this.sendsMessages);
  }
}
