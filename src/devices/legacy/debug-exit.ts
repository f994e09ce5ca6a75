import type { BusRange, Device, DeviceState, Power } from '../../vmm/device.js';
import { RegisterBlock } from '../registers.js';

export const DEBUG_EXIT_PORT = 0xf4;

/**
 * A port that ends the run with the value written to it in 1, 2 or 4 bytes: QEMU's isa-debug-exit at the place
 * where kvm-unit-tests look for it. What the value means as a process status is the machine's business.
 */
export class DebugExit implements Device {
  readonly name = 'debug-exit';
  readonly ranges: readonly BusRange[];

  private static readonly registers = new RegisterBlock<DebugExit>([
    { name: 'EXIT', offset: 0, width: 4, write: (device, value) => device.power.exit(value) },
  ]);

  constructor(private readonly power: Power) {
    this.ranges = [{ space: 'port', base: DEBUG_EXIT_PORT, size: 4, target: DebugExit.registers.bind(this) }];
  }

  /** It has no state. */
  reset(): void {}

  save(): DeviceState {
    return {};
  }

  load(): void {}
}
