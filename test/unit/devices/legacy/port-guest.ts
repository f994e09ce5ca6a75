import { Bus } from '../../../../src/vmm/bus/bus.js';
import type { AccessSize, Device, DeviceState, IrqLine } from '../../../../src/vmm/device.js';

/** What a guest can do to the devices of a machine: IN and OUT, through a real port bus. */
export class PortGuest {
  readonly bus = new Bus('port', 0x10000);

  constructor(...devices: Device[]) {
    for (const device of devices) {
      for (const range of device.ranges) this.bus.claim(device.name, range);
    }
  }

  in(port: number, size: AccessSize = 1): number {
    return this.bus.read(port, size);
  }

  out(port: number, value: number, size: AccessSize = 1): void {
    this.bus.write(port, size, value);
  }
}

/** An interrupt line that counts its rising edges. */
export class RecordingLine implements IrqLine {
  level = false;
  edges = 0;

  set(level: boolean): void {
    if (level && !this.level) this.edges++;
    this.level = level;
  }
}

/** `device`'s state after the trip through JSON that a snapshot makes. */
export function snapshot(device: Device): DeviceState {
  return JSON.parse(JSON.stringify(device.save())) as DeviceState;
}
