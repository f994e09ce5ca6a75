import type { BusRange, Device, DeviceState, Power } from '../../vmm/device.js';
import { RegisterBlock } from '../registers.js';

/** Where QEMU has it too; operating systems find it by the ACPI device QEMU0001. */
export const PVPANIC_PORT = 0x505;

/** Events (QEMU, docs/specs/pvpanic). */
const PANICKED = 1 << 0;
const CRASH_LOADED = 1 << 1;

type PvPanicState = { readonly panics: number; readonly crashLoads: number };

/**
 * QEMU's pvpanic: one port that tells which events are understood, and by which a guest says that it has panicked, or
 * that another kernel takes over to save what the crashed one left.
 */
export class PvPanic implements Device {
  readonly name = 'pvpanic';
  readonly ranges: readonly BusRange[];
  private panics = 0;
  private crashLoads = 0;

  private static readonly registers = new RegisterBlock<PvPanic>([
    {
      name: 'EVENTS',
      offset: 0,
      width: 1,
      read: () => PANICKED | CRASH_LOADED,
      write: (device, value) => device.report(value),
    },
  ]);

  constructor(private readonly power: Power) {
    this.ranges = [{ space: 'port', base: PVPANIC_PORT, size: 1, target: PvPanic.registers.bind(this) }];
  }

  reset(): void {
    this.panics = 0;
    this.crashLoads = 0;
  }

  save(): DeviceState {
    return { panics: this.panics, crashLoads: this.crashLoads } satisfies PvPanicState;
  }

  load(state: DeviceState): void {
    const { panics, crashLoads } = state as PvPanicState;
    this.panics = panics;
    this.crashLoads = crashLoads;
  }

  private report(events: number): void {
    if (events & CRASH_LOADED) this.crashLoads++;
    if (!(events & PANICKED)) return;
    this.panics++;
    this.power.panic();
  }
}
