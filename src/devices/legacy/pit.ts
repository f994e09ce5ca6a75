import type { Clock, Timer } from '../../vmm/clock.js';
import type { BusRange, Device, DeviceState, IrqLine } from '../../vmm/device.js';
import { RegisterBlock } from '../registers.js';
import { I8254Counter, type I8254CounterState } from './i8254-counter.js';
import { TickRate } from './tick-rate.js';

/** CLK: 14.31818 MHz / 12 = 715,909 pulses in 0.6 s. */
const CLK = new TickRate(715_909, 600_000_000);

/** Pulses of CLK between two interrupts of a repeating channel 0: 50.3 µs. */
const MIN_PULSES_BETWEEN_EDGES = 60;

/** The refresh request toggles port 0x61 bit 4 at the rate that firmware gives channel 1: each 18 pulses, 15 µs. */
const REFRESH_PULSES = 18;

/** Port 0x61 (ICH9 data sheet, 13.7.1, "NMI status and control"). */
const GATE2 = 0x01;
const PORT61_WRITABLE = 0x0f;
const REFRESH = 0x10;
const OUT2 = 0x20;

/** Control word (82C54 data sheet, figures 7 and 10). */
const READ_BACK = 3;
const NO_COUNT = 0x20;
const NO_STATUS = 0x10;

/** What the timer needs of its machine. */
export interface PitOptions {
  readonly clock: Clock;
  /** Where OUT of channel 0 goes: GSI 0. */
  readonly irq: IrqLine;
}

type PitState = {
  readonly counters: readonly I8254CounterState[];
  readonly port61: number;
  readonly line: boolean;
  readonly notBefore: number;
};

const REGISTERS = new RegisterBlock<Pit>([
  ...[0, 1, 2].map(index => ({
    name: `COUNTER${index}`,
    offset: index,
    width: 1 as const,
    read: (pit: Pit) => pit.readCounter(index),
    write: (pit: Pit, value: number) => pit.writeCounter(index, value),
  })),
  { name: 'CONTROL', offset: 3, width: 1, write: (pit, value) => pit.writeControl(value) },
]);

const PORT61 = new RegisterBlock<Pit>([
  {
    name: 'NMI_SC',
    offset: 0,
    width: 1,
    read: pit => pit.readPort61(),
    write: (pit, value) => pit.writePort61(value),
  },
]);

/**
 * The interval timer of a PC: an 82C54 (Intel data sheet, order number 231244) at ports 0x40–0x43, and port 0x61 with
 * the gate and the output of channel 2. The gates of channels 0 and 1 are wired high.
 *
 * The counters are computed from the clock when somebody looks. A timer is armed only for the next rising edge of
 * channel 0's OUT, because IRQ 0 is edge-triggered: falling edges reach the line together with the rising edge
 * that follows, or when the guest programs the channel.
 *
 * Edges that the machine comes too late for are not made up: one interrupt stands for all of them, as it does
 * for a CPU that keeps interrupts disabled for so long. In modes 2 and 3 edges less than 50 µs after the last
 * interrupt are left out, so that a count of 2 cannot keep the machine from running the guest; those that remain
 * keep their exact times.
 */
export class Pit implements Device {
  readonly name = 'pit';
  readonly ranges: readonly BusRange[] = [
    { space: 'port', base: 0x40, size: 4, target: REGISTERS.bind(this) },
    { space: 'port', base: 0x61, size: 1, target: PORT61.bind(this) },
  ];
  private readonly counters = [true, true, false].map(gate => new I8254Counter(gate));
  private readonly timer: Timer;
  private port61 = 0;
  /** What channel 0 drives onto its line. */
  private line = false;
  /** The CLK pulse of the edge that the timer is armed for. */
  private edge = Infinity;
  /** The first CLK pulse at which a repeating channel 0 may interrupt again. */
  private notBefore = 0;

  constructor(private readonly options: PitOptions) {
    this.timer = options.clock.timer(() => this.onEdge());
  }

  /** All channels wait for a count, with OUT high; IRQ 0 stays low until the first rising edge. */
  reset(): void {
    for (const [index, counter] of this.counters.entries()) {
      counter.advanceTo(this.pulse());
      counter.reset(index !== 2);
    }
    this.port61 = 0;
    this.notBefore = 0;
    this.drive(false);
    this.arm();
  }

  save(): DeviceState {
    return {
      counters: this.counters.map(counter => counter.save()),
      port61: this.port61,
      line: this.line,
      notBefore: this.notBefore,
    } satisfies PitState;
  }

  /** Pulses are numbered from power-on: the clock goes on from the time of `save()`. */
  load(state: DeviceState): void {
    const { counters, port61, line, notBefore } = state as PitState;
    for (const [index, counter] of this.counters.entries()) counter.load(counters[index]);
    this.port61 = port61;
    this.notBefore = notBefore;
    this.drive(line);
    this.arm();
  }

  /** @internal */
  readCounter(index: number): number {
    this.deliverIfDue();
    return this.advanced(index).read();
  }

  /** @internal */
  writeCounter(index: number, value: number): void {
    if (index === 0) this.deliverIfDue();
    const counter = this.advanced(index);
    counter.write(value);
    if (index === 0) this.programmed(counter.out);
  }

  /** @internal A control word, a counter latch command or a read-back command. */
  writeControl(value: number): void {
    const index = value >> 6;
    if (index === READ_BACK) {
      this.readBack(value);
      return;
    }
    if ((value & 0x30) === 0) {
      this.advanced(index).latchCount();
      return;
    }
    if (index === 0) this.deliverIfDue();
    const counter = this.advanced(index);
    const before = counter.out;
    counter.writeControl(value);
    if (index !== 0) return;
    if (!before && counter.out) this.rise();
    this.programmed(counter.out);
  }

  /** @internal */
  readPort61(): number {
    this.deliverIfDue();
    const refresh = Math.floor(this.pulse() / REFRESH_PULSES) & 1;
    return this.port61 | (refresh ? REFRESH : 0) | (this.advanced(2).out ? OUT2 : 0);
  }

  /** @internal */
  writePort61(value: number): void {
    this.port61 = value & PORT61_WRITABLE;
    this.advanced(2).setGate((value & GATE2) !== 0);
  }

  private readBack(value: number): void {
    for (let index = 0; index < 3; index++) {
      if (!(value & (2 << index))) continue;
      const counter = this.advanced(index);
      if (!(value & NO_COUNT)) counter.latchCount();
      if (!(value & NO_STATUS)) counter.latchStatus();
    }
  }

  /** The number of the last CLK pulse. */
  private pulse(): number {
    return CLK.ticksAt(this.options.clock.now());
  }

  private advanced(index: number): I8254Counter {
    const counter = this.counters[index];
    counter.advanceTo(this.pulse());
    return counter;
  }

  private onEdge(): void {
    const pulse = this.pulse();
    this.counters[0].advanceTo(pulse);
    this.notBefore = pulse + MIN_PULSES_BETWEEN_EDGES;
    this.rise();
    this.arm();
  }

  /** An edge whose timer the machine has not looked at yet comes before what the guest reads or writes now. */
  private deliverIfDue(): void {
    if (this.pulse() >= this.edge) this.onEdge();
  }

  private programmed(out: boolean): void {
    if (!out) this.drive(false);
    this.arm();
  }

  private rise(): void {
    this.drive(false);
    this.drive(true);
  }

  private drive(level: boolean): void {
    this.line = level;
    this.options.irq.set(level);
  }

  private arm(): void {
    const counter = this.counters[0];
    let edge = counter.nextRise();
    const { period } = counter;
    if (period > 0 && edge < this.notBefore) {
      edge += Math.ceil((this.notBefore - edge) / period) * period;
    }
    this.edge = edge;
    if (edge === Infinity) this.timer.disarm();
    else this.timer.arm(CLK.timeOf(edge));
  }
}
