import type { BusTarget } from '../../vmm/device.js';
import type { Bus } from '../../vmm/bus/bus.js';
import type { ConfigRegister, ConfigSpace } from './config-space.js';
import { Command, Header } from './header.js';

/** What a function maps through one base address register (PCI Local Bus 3.0, 6.2.5). */
export interface BarOptions {
  /** Register 0 to 5; a 64-bit one takes the next as well. */
  readonly index: number;
  readonly space: 'port' | 'mmio';
  /** Bytes, a power of two: from 4 for ports, from 16 for memory. */
  readonly size: number;
  readonly is64?: boolean;
  readonly prefetchable?: boolean;
  readonly target: BusTarget;
}

/** Where base address registers can lead. */
export interface BarBuses {
  readonly ports: Bus;
  readonly mmio: Bus;
  /** False for addresses that no device can have: RAM. */
  isFree(base: number, size: number): boolean;
}

const IO_INDICATOR = 1;
const MEMORY_64 = 2 << 1;
const PREFETCHABLE = 1 << 3;

/**
 * One base address register. Its range is claimed while the command register enables its space and it lies where
 * nothing else is; a guest that maps it onto something else gets nothing.
 */
export class Bar {
  readonly options: BarOptions;
  private readonly flags: number;
  private claimed: number | undefined;

  constructor(
    options: BarOptions,
    private readonly owner: string,
    private readonly config: ConfigSpace,
    private readonly buses: BarBuses,
  ) {
    this.options = options;
    const { space, is64, prefetchable } = options;
    this.flags = space === 'port' ? IO_INDICATOR : (is64 ? MEMORY_64 : 0) | (prefetchable ? PREFETCHABLE : 0);
  }

  /** Its registers: bits below the size read as zero and tell it thereby. */
  registers(): readonly ConfigRegister[] {
    const { index, size, is64 } = this.options;
    const offset = Header.BAR0 + 4 * index;
    const onWrite = (): void => this.update();
    const low: ConfigRegister = {
      name: `BAR${index}`,
      offset,
      width: 4,
      value: this.flags,
      writable: ~(Math.min(size, 2 ** 32) - 1) >>> 0,
      onWrite,
    };
    if (!is64) return [low];
    const high = size > 2 ** 32 ? ~(size / 2 ** 32 - 1) >>> 0 : 0xffff_ffff;
    return [low, { name: `BAR${index + 1}`, offset: offset + 4, width: 4, writable: high, onWrite }];
  }

  /** The address that the register holds, enabled or not. */
  get address(): number {
    const { index, is64, space } = this.options;
    const offset = Header.BAR0 + 4 * index;
    const low = (this.config.get(offset, 4) & (space === 'port' ? ~3 : ~15)) >>> 0;
    return low + (is64 ? this.config.get(offset + 4, 4) * 2 ** 32 : 0);
  }

  set address(address: number) {
    const { index, is64 } = this.options;
    const offset = Header.BAR0 + 4 * index;
    this.config.set(offset, 4, (address % 2 ** 32) + this.flags);
    if (is64) this.config.set(offset + 4, 4, Math.floor(address / 2 ** 32));
    this.update();
  }

  /** True while accesses reach it. */
  get mapped(): boolean {
    return this.claimed !== undefined;
  }

  /** The command register or the address has changed. */
  update(): void {
    const { space, size, target } = this.options;
    const bus = space === 'port' ? this.buses.ports : this.buses.mmio;
    const enable = space === 'port' ? Command.IO_SPACE : Command.MEMORY_SPACE;
    const enabled = (this.config.get(Header.COMMAND, 2) & enable) !== 0;
    const address = this.address;
    // Address 0 is what is there before somebody assigns one.
    const wanted = enabled && address !== 0 ? address : undefined;
    if (wanted === this.claimed) return;
    if (this.claimed !== undefined) bus.release(this.claimed);
    this.claimed = undefined;
    if (wanted === undefined || !bus.isFree(wanted, size)) return;
    if (space === 'mmio' && !this.buses.isFree(wanted, size)) return;
    bus.claim(this.owner, { space, base: wanted, size, target });
    this.claimed = wanted;
  }
}
