import { EVENT_FIELDS, EVENT_SLOTS, EventField, Header, type RecordMemory } from './record-memory.js';

/** Events are published in groups: a store that other threads see in order costs as much as the event itself. */
const GROUP = 64;

/** The writing end of the ring of events, on the machine's thread. */
export class EventRing {
  private written = 0;
  private published = 0;
  /** What was known of the reader the last time it was asked. */
  private taken = 0;

  /**
   * @param announce tells the reader that the ring is half full, once until it looks
   * @param waits whether the writer waits for room; otherwise events are lost, and counted
   */
  constructor(
    private readonly memory: RecordMemory,
    private readonly announce: () => void,
    private waits: boolean,
  ) {}

  /** @param kind index into EVENT_KINDS; @param stack −1 for none */
  write(kind: number, time: number, subject: number, a: number, b: number, c: number, stack: number): void {
    if (((this.written - this.taken) | 0) >= EVENT_SLOTS && !this.makeRoom()) return;
    const { events } = this.memory;
    const at = (this.written & (EVENT_SLOTS - 1)) * EVENT_FIELDS;
    events[at + EventField.KIND] = kind;
    events[at + EventField.TIME] = time;
    events[at + EventField.SUBJECT] = subject;
    events[at + EventField.A] = a;
    events[at + EventField.B] = b;
    events[at + EventField.C] = c;
    events[at + EventField.D] = stack;
    this.written = (this.written + 1) | 0;
    if (((this.written - this.published) | 0) >= GROUP) this.publish();
  }

  /** Lets the reader see everything. */
  publish(): void {
    const { header } = this.memory;
    if (this.published === this.written) return;
    this.published = this.written;
    Atomics.store(header, Header.WRITTEN, this.written);
    if (((this.written - this.taken) | 0) < EVENT_SLOTS / 2) return;
    this.taken = Atomics.load(header, Header.TAKEN);
    if (((this.written - this.taken) | 0) >= EVENT_SLOTS / 2) this.tellReader();
  }

  private tellReader(): void {
    if (Atomics.exchange(this.memory.header, Header.ANNOUNCED, 1) === 0) this.announce();
  }

  private makeRoom(): boolean {
    const { header } = this.memory;
    this.publish();
    for (;;) {
      this.taken = Atomics.load(header, Header.TAKEN);
      if (((this.written - this.taken) | 0) < EVENT_SLOTS) return true;
      this.tellReader();
      if (!this.waits || Atomics.load(header, Header.READER_GONE) !== 0) break;
      Atomics.wait(header, Header.TAKEN, this.taken);
    }
    this.waits = false;
    header[Header.LOST_EVENTS]++;
    return false;
  }
}

/** The reading end, on the control thread. */
export class EventRingReader {
  private taken = 0;

  constructor(private readonly memory: RecordMemory) {}

  /**
   * Gives each event that is there to `take`, as where its fields begin in `memory.events`.
   * @returns how many there were
   */
  drain(take: (at: number) => void): number {
    const { header } = this.memory;
    Atomics.store(header, Header.ANNOUNCED, 0);
    const written = Atomics.load(header, Header.WRITTEN);
    const count = (written - this.taken) | 0;
    for (let i = 0; i < count; i++) take(((this.taken + i) & (EVENT_SLOTS - 1)) * EVENT_FIELDS);
    this.taken = written;
    Atomics.store(header, Header.TAKEN, written);
    Atomics.notify(header, Header.TAKEN);
    return count;
  }

  /** Nobody reads any longer: the writer must not wait for it. */
  release(): void {
    Atomics.store(this.memory.header, Header.READER_GONE, 1);
    Atomics.notify(this.memory.header, Header.TAKEN);
  }
}
