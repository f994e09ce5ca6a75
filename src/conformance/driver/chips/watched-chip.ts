import { hex } from '../../../errors.js';
import type { AccessSize, BusTarget } from '../../../vmm/device.js';
import { History } from '../history.js';
import type { Judge } from '../judge.js';

/** Judges one statement of the chip's data sheet. @param id of the clause. @param what what the driver did, if it was not kept */
export type ChipJudging = (id: string, ok: boolean, what: () => string) => void;

/** What is looked at of each access to a chip's registers. */
export interface ChipRules {
  /** The driver writes; the chip has not heard of it yet. */
  writes?(offset: number, size: AccessSize, value: number): void;
  reads?(offset: number, size: AccessSize): void;
  /** Registers that drivers read again and again: their reads have no place in a history. */
  isPolled?(offset: number): boolean;
}

/** One chip that is not a virtio device, under the eyes of its rules. */
export class WatchedChip {
  /** The driver is in an access: the guest's RIP means something. */
  accessing = false;
  /** A driver has written to it. */
  driven = false;
  private readonly history: History;
  private readonly rules: ChipRules;

  /**
   * @param specification that the ids of its clauses begin with
   * @param now nanoseconds since power-on
   */
  constructor(
    readonly name: string,
    readonly specification: string,
    rules: (judge: ChipJudging) => ChipRules,
    private readonly judge: Judge,
    now: () => number,
  ) {
    this.history = new History(now);
    this.rules = rules((id, ok, what) => this.check(id, ok, what));
  }

  /** What is to stand between the bus and the registers. */
  watch(target: BusTarget): BusTarget {
    const name = (offset: number, direction: 'read' | 'write'): string =>
      target.registerName?.(offset, direction) ?? hex(offset);
    return {
      read: (offset, size) => {
        const value = target.read(offset, size);
        this.read(offset, size, value, name);
        return value;
      },
      write: (offset, size, value) => {
        this.write(offset, size, value, name);
        target.write(offset, size, value);
      },
      registerName: name,
    };
  }

  /** The driver has read. */
  read(offset: number, size: AccessSize, value: number, name: RegisterName): void {
    this.accessing = true;
    if (!this.rules.isPolled?.(offset)) this.history.add(`${name(offset, 'read')} reads ${hex(value)}`);
    this.rules.reads?.(offset, size);
    this.accessing = false;
  }

  /** The driver writes. */
  write(offset: number, size: AccessSize, value: number, name: RegisterName): void {
    this.accessing = true;
    this.driven = true;
    this.history.add(`${name(offset, 'write')} = ${hex(value)}`);
    this.rules.writes?.(offset, size, value);
    this.accessing = false;
  }

  private check(id: string, ok: boolean, what: () => string): void {
    const clause = `${this.specification}/${id}`;
    if (ok) {
      this.judge.kept(clause);
      return;
    }
    const text = what();
    this.history.add(`broken: ${id}, ${text}`);
    this.judge.broken(clause, this.name, text, { history: this.history.list() });
  }
}

export type RegisterName = (offset: number, direction: 'read' | 'write') => string;
