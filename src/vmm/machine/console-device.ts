import { VirtioConsole } from '../../devices/virtio/console/console.js';
import { ByteRing } from '../byte-ring.js';
import type { Board } from './board.js';
import type { ConsoleSetup, FromConsole, ToConsole } from './console-protocol.js';
import { RingLine } from './ring-line.js';
import { SerialInput } from './serial-input.js';
import { addVirtio } from './virtio-bus.js';
import type { VirtioInterface } from './virtio-interface.js';

export interface ConsoleDeviceOptions {
  readonly interface: VirtioInterface;
  readonly ports: readonly ConsoleSetup[];
  /** What the guest sees must not depend on who reads its output when. */
  readonly patient: boolean;
  readonly post: (port: number, event: FromConsole) => void;
}

/** The machine worker's side of the console ports: the device, and its rings to the control thread. */
export class ConsoleDevice {
  private readonly device: VirtioConsole;
  private readonly inputs: readonly SerialInput[];

  constructor(board: Board, { interface: kind, ports, patient, post }: ConsoleDeviceOptions) {
    this.inputs = ports.map(({ input }) => new SerialInput(new ByteRing(input)));
    this.device = new VirtioConsole(
      ports.map(({ kind: portKind, name, output }, port) => ({
        kind: portKind,
        name,
        line: new RingLine({
          output,
          input: this.inputs[port],
          patient,
          announceOutput: () => post(port, { what: 'output' }),
          announceSpace: () => post(port, { what: 'space' }),
          announceOpen: on => post(port, { what: 'opened', on }),
        }),
      })),
    );
    addVirtio(board, 'virtio-console0', this.device, { interface: kind });
  }

  /** What was sent before the guest starts, and finds no room in the rings. */
  give(input: readonly Uint8Array[]): void {
    input.forEach((data, port) => this.inputs[port].give(data));
  }

  hear(port: number, event: ToConsole): void {
    const { device } = this;
    const consolePort = device.ports[port];
    switch (event.what) {
      case 'input':
        device.receive(consolePort);
        break;
      case 'room':
        device.transmit(consolePort);
        break;
      case 'size':
        device.resize(consolePort, { columns: event.columns, rows: event.rows });
        break;
      case 'connected':
        device.setConnected(consolePort, event.on);
        break;
      case 'present':
        device.setPresent(consolePort, event.on);
        break;
    }
  }
}
