import { ConfigError } from '../../errors.js';
import type { PortKind } from '../../devices/virtio/console/port.js';
import type { FromConsole, ToConsole } from './console-protocol.js';
import { SerialPort } from './serial-port.js';

const MAX_SIZE = 0xffff;

export interface GuestConsoleWiring {
  readonly output: SharedArrayBuffer;
  readonly input: SharedArrayBuffer;
  readonly post: (event: ToConsole) => void;
}

/** A port of the guest's console device, seen from the host: a serial port with a size, which can be opened and closed. */
export class GuestConsole extends SerialPort {
  private open = false;
  private readonly openListeners = new Set<(open: boolean) => void>();

  constructor(
    name: string,
    /** A console of the guest's, or a stream of bytes for one of its programs. */
    readonly kind: PortKind,
    private readonly consoleWiring: GuestConsoleWiring,
  ) {
    const { output, input, post } = consoleWiring;
    super(name, {
      output,
      input,
      announce: () => post({ what: 'input' }),
      announceRoom: () => post({ what: 'room' }),
      resize: (columns, rows) => post({ what: 'size', columns, rows }),
      setConnected: on => post({ what: 'connected', on }),
    });
  }

  /** True while the guest has its end open: a driver uses it, or a program has opened it. It takes input only then. */
  get isOpen(): boolean {
    return this.open;
  }

  /** Calls `listener` when the guest opens or closes its end. Returns how to stop that. */
  onOpen(listener: (open: boolean) => void): () => void {
    this.openListeners.add(listener);
    return () => this.openListeners.delete(listener);
  }

  /**
   * Tells the guest the size of the terminal at the far end.
   * @param columns, rows 1 to 65535
   * @throws ConfigError for other sizes
   */
  override resize(columns: number, rows: number): void {
    for (const size of [columns, rows]) {
      if (!Number.isInteger(size) || size < 1 || size > MAX_SIZE) {
        throw new ConfigError(`a terminal's size is between 1 and ${MAX_SIZE}, not ${columns} × ${rows}`, {
          columns,
          rows,
        });
      }
    }
    super.resize(columns, rows);
  }

  /** Takes the port out of the guest's device. */
  unplug(): void {
    this.consoleWiring.post({ what: 'present', on: false });
  }

  /** Plugs it in again. */
  plug(): void {
    this.consoleWiring.post({ what: 'present', on: true });
  }

  /** @internal The machine tells something of it. */
  hear(event: FromConsole): void {
    switch (event.what) {
      case 'output':
        this.receive();
        break;
      case 'space':
        this.send();
        break;
      case 'opened':
        this.open = event.on;
        for (const listener of this.openListeners) listener(event.on);
        break;
    }
  }
}
