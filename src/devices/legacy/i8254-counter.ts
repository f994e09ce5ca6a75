/** Control word bits (82C54 data sheet, figure 7). */
const BCD = 0x01;
const ACCESS_LSB = 1;
const ACCESS_MSB = 2;
const ACCESS_BOTH = 3;

/** The modes by their numbers in the data sheet. */
const TERMINAL_COUNT = 0;
const ONE_SHOT = 1;
const RATE_GENERATOR = 2;
const SQUARE_WAVE = 3;
const SOFTWARE_STROBE = 4;

/** @internal What {@link I8254Counter.save} returns. */
export type I8254CounterState = Readonly<ReturnType<I8254Counter['save']>>;

/**
 * One of the three counters of an 82C54, counting CLK pulses that it is told about instead of seeing each:
 * {@link advanceTo} brings it from one pulse to any later one in one step. Between two pulses the caller reads,
 * writes and drives GATE as it likes; what the data sheet lets happen "on the next CLK pulse" happens at the next one.
 *
 * Where the data sheet leaves the behaviour open:
 * - after a control word nothing counts until a count is written (in modes 1 and 5: until the trigger after it), and
 *   the count reads as 0;
 * - a count of 1 in modes 2 and 3, which is illegal, gives a constant high OUT;
 * - a BCD digit above 9 counts as its binary value, modulo 10^4.
 */
export class I8254Counter {
  /** CLK pulses seen. */
  private pulse = 0;
  /** The low six bits of the control word, as status gives them back. */
  private control = 0;
  private mode = SQUARE_WAVE;
  private gate: boolean;
  private outHigh = true;
  /** The count register: 1 to 65,536 (BCD: 10,000). 0 as long as nothing was written since the control word. */
  private count = 0;
  /** The counting element: 0 to 65,536 (BCD: 10,000), of which the highest reads as 0. */
  private element = 0;
  /** The counting element was loaded since the control word. */
  private loaded = false;
  /** The next pulse loads the counting element. */
  private loading = false;
  /** Mode 0 between the two bytes of a count: no counting. */
  private inhibited = false;
  /** Modes 4 and 5: the next time the counting element gets to 0, OUT strobes. */
  private armed = false;
  /** Mode 3: the count that the current half cycle was loaded from is odd. */
  private odd = false;
  private nullCount = true;
  /** The first byte of a two-byte count, -1 for none. */
  private firstByte = -1;
  /** The next byte read of a two-byte count is the second. */
  private readSecond = false;
  /** Latched count, -1 for none. */
  private latchedCount = -1;
  /** Latched status, -1 for none. */
  private latchedStatus = -1;

  /** @param gate level of the GATE input at power-on */
  constructor(gate: boolean) {
    this.gate = gate;
    this.reset(gate);
  }

  /** The OUT output after the last pulse. */
  get out(): boolean {
    return this.outHigh;
  }

  /** CLK pulses between OUT's rising edges while it repeats by itself (modes 2 and 3), else 0. */
  get period(): number {
    const repeats = this.mode === RATE_GENERATOR || this.mode === SQUARE_WAVE;
    return repeats && this.count > 1 ? this.count : 0;
  }

  /** Counts up to and including CLK pulse `pulse`, numbered from power-on. Earlier ones change nothing. */
  advanceTo(pulse: number): void {
    let n = pulse - this.pulse;
    if (n <= 0) return;
    this.pulse = pulse;
    if (this.loading) {
      this.loadElement();
      n--;
    } else if (!this.loaded) {
      return;
    }
    if (n > 0) this.countPulses(n);
  }

  /** The CLK pulse with OUT's next rising edge if nobody writes and GATE stays; `Infinity` when there is none. */
  nextRise(): number {
    return this.pulse + this.pulsesToRise();
  }

  setGate(level: boolean): void {
    if (level === this.gate) return;
    this.gate = level;
    const { mode } = this;
    if (level) {
      // The trigger of modes 1, 2, 3 and 5 (figure 21, "Gate pin operations summary").
      if (mode !== TERMINAL_COUNT && mode !== SOFTWARE_STROBE && this.count > 0) this.loading = true;
    } else if (mode === RATE_GENERATOR || mode === SQUARE_WAVE) {
      this.outHigh = true;
    }
  }

  /** A control word for this counter, other than a latch command: all control logic starts anew. */
  writeControl(value: number): void {
    this.control = value & 0x3f;
    const mode = (value >> 1) & 7;
    this.mode = mode > 5 ? mode - 4 : mode;
    this.outHigh = this.mode !== TERMINAL_COUNT;
    this.count = 0;
    this.element = 0;
    this.odd = false;
    this.loaded = false;
    this.loading = false;
    this.inhibited = false;
    this.armed = false;
    this.nullCount = true;
    this.firstByte = -1;
    this.readSecond = false;
    this.latchedCount = -1;
    this.latchedStatus = -1;
  }

  /** A byte of the count. */
  write(value: number): void {
    switch (this.access) {
      case ACCESS_LSB:
        this.writeCount(value);
        break;
      case ACCESS_MSB:
        this.writeCount(value << 8);
        break;
      default:
        if (this.firstByte >= 0) {
          this.writeCount((value << 8) | this.firstByte);
          this.firstByte = -1;
        } else {
          this.firstByte = value;
          if (this.mode === TERMINAL_COUNT) {
            this.inhibited = true;
            this.outHigh = false;
          }
        }
    }
  }

  /** The latched status, else the next byte of the latched count, else of the count itself. */
  read(): number {
    if (this.latchedStatus >= 0) {
      const status = this.latchedStatus;
      this.latchedStatus = -1;
      return status;
    }
    const count = this.latchedCount >= 0 ? this.latchedCount : this.present();
    const { access } = this;
    if (access === ACCESS_BOTH && !this.readSecond) {
      this.readSecond = true;
      return count & 0xff;
    }
    this.readSecond = false;
    this.latchedCount = -1;
    return access === ACCESS_LSB ? count & 0xff : count >> 8;
  }

  /** Keeps the count for the next reads, unless one is kept already. */
  latchCount(): void {
    if (this.latchedCount < 0) this.latchedCount = this.present();
  }

  /** Keeps the status byte (figure 11) for the next read, unless one is kept already. */
  latchStatus(): void {
    if (this.latchedStatus >= 0) return;
    this.latchedStatus = (this.outHigh ? 0x80 : 0) | (this.nullCount ? 0x40 : 0) | this.control;
  }

  /**
   * Undefined after power-on for the chip; here it waits for a count in mode 3, with OUT high.
   * The pulses seen stay: CLK runs on.
   */
  reset(gate: boolean): void {
    this.gate = gate;
    this.writeControl((ACCESS_BOTH << 4) | (SQUARE_WAVE << 1));
  }

  save() {
    return {
      pulse: this.pulse,
      control: this.control,
      mode: this.mode,
      gate: this.gate,
      outHigh: this.outHigh,
      count: this.count,
      element: this.element,
      loaded: this.loaded,
      loading: this.loading,
      inhibited: this.inhibited,
      armed: this.armed,
      odd: this.odd,
      nullCount: this.nullCount,
      firstByte: this.firstByte,
      readSecond: this.readSecond,
      latchedCount: this.latchedCount,
      latchedStatus: this.latchedStatus,
    };
  }

  load(state: I8254CounterState): void {
    this.pulse = state.pulse;
    this.control = state.control;
    this.mode = state.mode;
    this.gate = state.gate;
    this.outHigh = state.outHigh;
    this.count = state.count;
    this.element = state.element;
    this.loaded = state.loaded;
    this.loading = state.loading;
    this.inhibited = state.inhibited;
    this.armed = state.armed;
    this.odd = state.odd;
    this.nullCount = state.nullCount;
    this.firstByte = state.firstByte;
    this.readSecond = state.readSecond;
    this.latchedCount = state.latchedCount;
    this.latchedStatus = state.latchedStatus;
  }

  private get access(): number {
    return this.control >> 4;
  }

  private get range(): number {
    return this.control & BCD ? 10_000 : 0x1_0000;
  }

  /** The counting element as the data bus shows it. */
  private present(): number {
    const value = this.element % this.range;
    return this.control & BCD ? toBcd(value) : value;
  }

  private writeCount(value: number): void {
    const { mode } = this;
    this.count = (this.control & BCD ? fromBcd(value) : value) % this.range || this.range;
    this.nullCount = true;
    this.inhibited = false;
    if (mode === TERMINAL_COUNT) this.outHigh = false;
    const repeats = mode === RATE_GENERATOR || mode === SQUARE_WAVE;
    // A repeating counter takes a further count over where its cycle ends, modes 1 and 5 at their trigger.
    if (mode === TERMINAL_COUNT || mode === SOFTWARE_STROBE || (repeats && !this.loaded)) this.loading = true;
  }

  /** CR → CE at a CLK pulse, which does not count. */
  private loadElement(): void {
    this.loading = false;
    this.loaded = true;
    this.nullCount = false;
    this.element = this.count;
    switch (this.mode) {
      case TERMINAL_COUNT:
        break;
      case ONE_SHOT:
        this.outHigh = false;
        break;
      case RATE_GENERATOR:
        this.outHigh = true;
        break;
      case SQUARE_WAVE:
        this.loadHalf(true);
        break;
      default:
        this.outHigh = true;
        this.armed = true;
    }
  }

  private countPulses(n: number): void {
    switch (this.mode) {
      case TERMINAL_COUNT:
        if (this.gate && !this.inhibited) {
          if (n >= this.element) this.outHigh = true;
          this.decrement(n);
        }
        break;
      case ONE_SHOT:
        if (n >= this.element) this.outHigh = true;
        this.decrement(n);
        break;
      case RATE_GENERATOR:
        if (this.gate) this.countRate(n);
        break;
      case SQUARE_WAVE:
        if (this.gate) this.countSquare(n);
        break;
      default:
        this.countStrobe(n);
    }
  }

  /** Modes 0, 1, 4 and 5 wrap to the highest count and go on. 0 is kept as the range itself. */
  private decrement(n: number): void {
    const { range } = this;
    const rest = (this.element - n) % range;
    this.element = rest > 0 ? rest : rest + range;
  }

  /** Mode 2: OUT is low while the count is 1; the pulse after that reloads. */
  private countRate(n: number): void {
    if (n < this.element) {
      this.element -= n;
      this.outHigh = this.element !== 1;
      return;
    }
    const { count } = this;
    this.element = count - ((n - this.element) % count);
    this.outHigh = this.element !== 1 || count === 1;
    this.nullCount = false;
  }

  /** Mode 3: counts by two; an odd count is loaded less one, and its high half lasts one pulse longer. */
  private countSquare(n: number): void {
    const half = this.restOfHalf();
    if (n < half) {
      this.element -= 2 * n;
      return;
    }
    this.nullCount = false;
    this.loadHalf(!this.outHigh);
    const rest = (n - half) % this.count;
    const length = this.restOfHalf();
    if (rest < length) {
      this.element -= 2 * rest;
    } else {
      this.loadHalf(!this.outHigh);
      this.element -= 2 * (rest - length);
    }
  }

  private loadHalf(high: boolean): void {
    this.outHigh = high;
    this.odd = (this.count & 1) !== 0;
    this.element = this.count - (this.odd ? 1 : 0);
  }

  /** Mode 3: CLK pulses until OUT changes. */
  private restOfHalf(): number {
    return this.element / 2 + (this.odd && this.outHigh ? 1 : 0);
  }

  /** Modes 4 and 5: OUT is low for the one pulse at which the count is 0, and that happens once. */
  private countStrobe(n: number): void {
    const counting = this.mode !== SOFTWARE_STROBE || this.gate;
    if (!counting || !this.armed) {
      this.outHigh = true;
    } else if (n >= this.element) {
      this.armed = false;
      this.outHigh = n > this.element;
    }
    if (counting) this.decrement(n);
  }

  private pulsesToRise(): number {
    const { mode, count, element, loading } = this;
    if (!loading && !this.loaded) return Infinity;
    const stopped = !this.gate && mode !== ONE_SHOT && mode <= SOFTWARE_STROBE;
    switch (mode) {
      case TERMINAL_COUNT:
        if (this.outHigh || stopped || this.inhibited) return Infinity;
        return loading ? 1 + count : element;
      case ONE_SHOT:
        if (loading) return 1 + count;
        return this.outHigh ? Infinity : element;
      case RATE_GENERATOR: {
        if (stopped) return Infinity;
        const constant = loading || (this.outHigh && element === 1);
        if (constant) return count > 1 ? 1 + count : Infinity;
        return element;
      }
      case SQUARE_WAVE: {
        if (stopped) return Infinity;
        if (loading) return count > 1 ? 1 + count : Infinity;
        if (!this.outHigh) return this.restOfHalf();
        return count > 1 ? this.restOfHalf() + (count >> 1) : Infinity;
      }
      default:
        if (!this.outHigh) return 1;
        if (stopped) return Infinity;
        if (loading) return count + 2;
        return this.armed ? element + 1 : Infinity;
    }
  }
}

function fromBcd(value: number): number {
  return (value >> 12) * 1000 + ((value >> 8) & 15) * 100 + ((value >> 4) & 15) * 10 + (value & 15);
}

function toBcd(value: number): number {
  const thousands = Math.floor(value / 1000);
  const hundreds = Math.floor(value / 100) % 10;
  const tens = Math.floor(value / 10) % 10;
  return (thousands << 12) | (hundreds << 8) | (tens << 4) | (value % 10);
}
