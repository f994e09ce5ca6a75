import type { BusRange, Device, DeviceState, Power } from '../../vmm/device.js';
import { RegisterBlock } from '../registers.js';

export const RESET_CONTROL_PORT = 0xcf9;

/** A write that raises RST_CPU resets "hard" with this bit, "soft" (INIT# alone) without. */
const SYS_RST = 0x02;
const RST_CPU = 0x04;
/** The reset also cycles the power. */
const FULL_RST = 0x08;

type ResetControlState = { value: number };

/**
 * RST_CNT, the reset control register of a PC's south bridge (Intel ICH9 data sheet 316972, 13.7.5).
 *
 * All kinds of reset restart the machine: a soft one would send the processor to firmware that is not there.
 */
export class ResetControl implements Device {
  readonly name = 'reset-control';
  readonly ranges: readonly BusRange[];

  private value = 0;

  private static readonly registers = new RegisterBlock<ResetControl>([
    {
      name: 'RST_CNT',
      offset: 0,
      width: 1,
      read: control => control.value,
      write: (control, value) => control.write(value),
    },
  ]);

  constructor(private readonly power: Power) {
    // One port alone: 32-bit accesses at 0xCF8 are PCI's configuration address.
    this.ranges = [
      { space: 'port', base: RESET_CONTROL_PORT, size: 1, target: ResetControl.registers.bind(this) },
    ];
  }

  reset(): void {
    this.value = 0;
  }

  save(): DeviceState {
    const state: ResetControlState = { value: this.value };
    return state;
  }

  load(state: DeviceState): void {
    this.value = (state as ResetControlState).value;
  }

  private write(value: number): void {
    const rises = (value & ~this.value & RST_CPU) !== 0;
    this.value = value & (SYS_RST | RST_CPU | FULL_RST);
    if (rises) this.power.reset();
  }
}
