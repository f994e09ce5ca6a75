import type { AccessSize, AddressSpace } from '../device.js';
import { registerOf, type Claim } from './bus.js';
import type { ProbeEvent } from './probe.js';

/** Events that are passed on together; more do not wait for the end of the round. */
const CAPACITY = 512;

/**
 * One event is four numbers in a row of a table, and RIP in a table beside it:
 * ```
 *   +---------+-------+-------------------------+--------------------------------------+
 *   | address | value | index of the register's | vcpu × 32 + size × 4                 |
 *   |         |       | name, −1 for none       |      + 2 for MMIO + 1 for a write    |
 *   +---------+-------+-------------------------+--------------------------------------+
 * ```
 */
const FIELDS = 4;
const ADDRESS = 0;
const VALUE = 1;
const NAME = 2;
const ACCESS = 3;
const ACCESS_WRITE = 1;
const ACCESS_MMIO = 2;
const SIZE = 4;
const VCPU = 32;

/** Events of one probe on their way between threads, as tables: making and cloning an object for each is what costs. */
export interface ProbeBatch {
  readonly records: Float64Array;
  /** RIP of each event; empty when the probe did not ask for it. */
  readonly rips: BigUint64Array;
  /** The names that `records` refers to: those of this batch alone, so that their number is bounded. */
  readonly names: readonly string[];
}

/** Gathers the events of one probe on the thread of the devices. Recording costs no object an event. */
export class ProbeRecorder {
  private readonly records = new Float64Array(CAPACITY * FIELDS);
  private readonly rips = new BigUint64Array(CAPACITY);
  private readonly indices = new Map<Claim, Map<string, number>>();
  private names: string[] = [];
  private count = 0;

  /**
   * @param registers whether RIP belongs to each event
   * @param onFull called when no further event has room; it is to call `take()`
   */
  constructor(
    private readonly registers: boolean,
    private readonly onFull: () => void,
  ) {}

  get isEmpty(): boolean {
    return this.count === 0;
  }

  /** @param rip looked at when the probe asked for it */
  record(
    space: AddressSpace,
    direction: 'read' | 'write',
    address: number,
    size: AccessSize,
    value: number,
    claim: Claim | undefined,
    vcpu: number,
    rip: bigint | undefined,
  ): void {
    const { records, count } = this;
    const at = count * FIELDS;
    records[at + ADDRESS] = address;
    records[at + VALUE] = value;
    records[at + NAME] = claim === undefined ? -1 : this.indexOf(claim, address, direction);
    records[at + ACCESS] =
      vcpu * VCPU +
      size * SIZE +
      (space === 'mmio' ? ACCESS_MMIO : 0) +
      (direction === 'write' ? ACCESS_WRITE : 0);
    if (rip !== undefined) this.rips[count] = rip;
    this.count = count + 1;
    if (this.count === CAPACITY) this.onFull();
  }

  /** Everything recorded since the last call. */
  take(): ProbeBatch {
    const { count, names } = this;
    this.count = 0;
    this.names = [];
    this.indices.clear();
    return {
      records: this.records.slice(0, count * FIELDS),
      rips: this.rips.slice(0, this.registers ? count : 0),
      names,
    };
  }

  private indexOf(claim: Claim, address: number, direction: 'read' | 'write'): number {
    let ofClaim = this.indices.get(claim);
    if (ofClaim === undefined) {
      ofClaim = new Map<string, number>();
      this.indices.set(claim, ofClaim);
    }
    const register = registerOf(claim, address, direction);
    const known = ofClaim.get(register);
    if (known !== undefined) return known;
    ofClaim.set(register, this.names.length);
    return this.names.push(`${claim.owner} ${register}`) - 1;
  }
}

/** The events of a batch, in their order. */
export function* eventsOf({ records, rips, names }: ProbeBatch): Generator<ProbeEvent> {
  for (let i = 0; i < records.length / FIELDS; i++) {
    const at = i * FIELDS;
    const access = records[at + ACCESS];
    yield {
      space: access & ACCESS_MMIO ? 'mmio' : 'port',
      direction: access & ACCESS_WRITE ? 'write' : 'read',
      address: records[at + ADDRESS],
      size: ((access / SIZE) & 7) as AccessSize,
      value: records[at + VALUE],
      register: names[records[at + NAME]],
      vcpu: Math.floor(access / VCPU),
      ...(rips.length > 0 && { rip: rips[i] }),
    };
  }
}
