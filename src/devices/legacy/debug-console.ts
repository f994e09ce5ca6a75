import type { BusRange, ByteSink, Device, DeviceState } from '../../vmm/device.js';
import { RegisterBlock } from '../registers.js';

export const DEBUG_CONSOLE_PORT = 0xe9;

/** Tells a guest that the console is there. */
const PRESENT = 0xe9;

/** The debug console of Bochs and QEMU: each byte written appears on the host, and a read finds out about it. */
export class DebugConsole implements Device {
  readonly name = 'debug-console';
  readonly ranges: readonly BusRange[];

  private static readonly registers = new RegisterBlock<DebugConsole>([
    {
      name: 'DATA',
      offset: 0,
      width: 1,
      read: () => PRESENT,
      write: (device, value) => device.output.write(value),
    },
  ]);

  constructor(private readonly output: ByteSink) {
    this.ranges = [
      { space: 'port', base: DEBUG_CONSOLE_PORT, size: 1, target: DebugConsole.registers.bind(this) },
    ];
  }

  /** It has no state. */
  reset(): void {}

  save(): DeviceState {
    return {};
  }

  load(): void {}
}
