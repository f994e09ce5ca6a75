import type { ByteRing } from '../byte-ring.js';

/** What waits to be received by a serial port: what was given before the guest started, then what comes by the ring. */
export class SerialInput {
  private given = new Uint8Array();
  private taken = 0;

  constructor(private readonly ring: ByteRing) {}

  /** What is in the ring by now and then `data` comes before whatever the ring gets from now on. */
  give(data: Uint8Array): void {
    const before = this.ring.read();
    this.given = new Uint8Array(before.length + data.length);
    this.given.set(before);
    this.given.set(data, before.length);
    this.taken = 0;
  }

  /** What was taken last comes again before everything else. */
  giveBack(bytes: readonly number[]): void {
    const rest = this.given.subarray(this.taken);
    this.given = new Uint8Array(bytes.length + rest.length);
    this.given.set(bytes);
    this.given.set(rest, bytes.length);
    this.taken = 0;
  }

  /** Bytes that wait. */
  get length(): number {
    return this.given.length - this.taken + this.ring.length;
  }

  /** Fills `target` from its start on, and says how many bytes there were. */
  readInto(target: Uint8Array): number {
    const given = this.given.subarray(this.taken, this.taken + target.length);
    target.set(given);
    this.taken += given.length;
    return given.length + this.ring.readInto(target.subarray(given.length));
  }

  /** The next byte, or −1 when there is none. */
  shift(): number {
    if (this.taken < this.given.length) return this.given[this.taken++];
    return this.ring.shift();
  }

  /** Takes the sender's wish to be told of room in the ring. */
  takeWaiting(): boolean {
    return this.ring.takeWaiting();
  }
}
