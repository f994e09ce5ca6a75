import { controlMessage, ControlEvent, encodeSize, type ConsoleSize } from './messages.js';

/** The far end of a port: where its output goes and its input comes from. It never throws. */
export interface ConsoleLine {
  /**
   * Takes output, as much as there is room for, and says how much that was. Whoever has made room again calls
   * {@link VirtioConsole.transmit}.
   */
  write(data: Uint8Array): number;
  /** Takes one byte, and waits until there is room for it. */
  put(byte: number): void;
  /** True when there is input. Whoever brings some calls {@link VirtioConsole.receive}. */
  readonly hasInput: boolean;
  /** Fills `target` with input from its start on, and says how much there was. */
  read(target: Uint8Array): number;
  /** The guest has opened or closed its end. */
  guestOpened(open: boolean): void;
}

/** A console, or a stream of bytes that a program in the guest opens by its name: QEMU's virtconsole and virtserialport. */
export type PortKind = 'console' | 'port';

export interface ConsolePortOptions {
  readonly kind: PortKind;
  /** How the guest finds it; '' for none. */
  readonly name: string;
  readonly line: ConsoleLine;
}

/** Messages that may wait to be sent to the driver about one port, in the order in which they go out. */
const PENDING_ORDER = [
  ControlEvent.DEVICE_REMOVE,
  ControlEvent.DEVICE_ADD,
  ControlEvent.CONSOLE_PORT,
  ControlEvent.PORT_NAME,
  ControlEvent.RESIZE,
  ControlEvent.PORT_OPEN,
] as const;

type PendingEvent = (typeof PENDING_ORDER)[number];

/** What the driver can see of a port, as plain data. */
export interface ConsolePortState {
  readonly announced: boolean;
  readonly ready: boolean;
  readonly guestOpen: boolean;
  readonly pending: number;
  readonly transmitted: number;
  readonly present: boolean;
}

/**
 * One port of a console device. What is to be told to the driver is kept as one bit a message, not as a list: a
 * driver that takes no messages cannot pile them up, and what it takes late is what holds then.
 */
export class ConsolePort {
  readonly kind: PortKind;
  readonly line: ConsoleLine;
  /** Plugged in. */
  present = true;
  /** Somebody is at the far end. */
  connected = true;
  /** Zero where it is not known. */
  size: ConsoleSize = { columns: 0, rows: 0 };
  /** The driver has heard of it, and has said that it is ready. */
  announced = false;
  ready = false;
  /** Somebody in the guest has it open: only then it gets input. */
  guestOpen = false;
  /** Bytes of the buffer at the head of the transmit queue that have gone out. */
  transmitted = 0;
  private readonly name: Uint8Array;
  private pending = 0;

  constructor(
    readonly id: number,
    { kind, name, line }: ConsolePortOptions,
  ) {
    this.kind = kind;
    this.line = line;
    this.name = new TextEncoder().encode(name);
  }

  /** The driver asks for ports. */
  announce(): void {
    if (this.present && !this.announced) this.tell(ControlEvent.DEVICE_ADD);
  }

  /** The driver has set the port up: it hears the rest. */
  becomeReady(): void {
    if (!this.announced) return;
    this.ready = true;
    if (this.kind === 'console') this.tell(ControlEvent.CONSOLE_PORT);
    if (this.name.length > 0) this.tell(ControlEvent.PORT_NAME);
    if (this.sizeIsKnown) this.tellIfReady(ControlEvent.RESIZE);
    if (this.connected) this.tell(ControlEvent.PORT_OPEN);
  }

  resize(size: ConsoleSize): void {
    this.size = size;
    this.tellIfReady(ControlEvent.RESIZE);
  }

  setConnected(connected: boolean): void {
    this.connected = connected;
    this.tellIfReady(ControlEvent.PORT_OPEN);
  }

  /** Takes it out: its buffers are no concern of anybody any more. */
  unplug(): void {
    this.present = false;
    if (this.announced) this.pending = bit(ControlEvent.DEVICE_REMOVE);
    else this.pending &= bit(ControlEvent.DEVICE_REMOVE);
    this.forgetDriver();
  }

  setGuestOpen(open: boolean): void {
    if (open === this.guestOpen) return;
    this.guestOpen = open;
    this.line.guestOpened(open);
  }

  /** The next message for the driver, if there is one. */
  takeMessage(): Uint8Array | undefined {
    const event = PENDING_ORDER.find(candidate => this.pending & bit(candidate));
    if (event === undefined) return undefined;
    this.pending &= ~bit(event);
    if (event === ControlEvent.DEVICE_ADD) this.announced = true;
    return this.message(event);
  }

  /** The driver has reset the device. */
  reset(): void {
    this.pending = 0;
    this.forgetDriver();
  }

  save(): ConsolePortState {
    const { announced, ready, guestOpen, pending, transmitted, present } = this;
    return { announced, ready, guestOpen, pending, transmitted, present };
  }

  load(state: ConsolePortState): void {
    this.announced = state.announced;
    this.ready = state.ready;
    this.pending = state.pending;
    this.transmitted = state.transmitted;
    this.present = state.present;
    this.setGuestOpen(state.guestOpen);
  }

  get sizeIsKnown(): boolean {
    return this.size.columns > 0 && this.size.rows > 0;
  }

  private forgetDriver(): void {
    this.announced = false;
    this.ready = false;
    this.transmitted = 0;
    this.setGuestOpen(false);
  }

  private message(event: PendingEvent): Uint8Array {
    switch (event) {
      case ControlEvent.PORT_NAME:
        return controlMessage(this.id, event, 1, this.name);
      case ControlEvent.RESIZE:
        return controlMessage(this.id, event, 0, encodeSize(this.size));
      case ControlEvent.PORT_OPEN:
        return controlMessage(this.id, event, this.connected ? 1 : 0);
      case ControlEvent.DEVICE_ADD:
      case ControlEvent.DEVICE_REMOVE:
      case ControlEvent.CONSOLE_PORT:
        return controlMessage(this.id, event, 1);
    }
  }

  private tellIfReady(event: PendingEvent): void {
    // Of a port that is no console nobody wants to know the size.
    if (event === ControlEvent.RESIZE && this.kind !== 'console') return;
    if (this.ready) this.tell(event);
  }

  private tell(event: PendingEvent): void {
    this.pending |= bit(event);
  }
}

function bit(event: PendingEvent): number {
  return 1 << event;
}
