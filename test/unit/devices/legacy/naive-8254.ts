/**
 * A reference model of one 82C54 counter that does at each CLK pulse what the 82C54 data sheet (Intel 231244, "Mode
 * definitions" and figures 15 to 20) says for that pulse. Slow and plain on purpose: it shares nothing with the device.
 */
export class NaiveCounter {
  out = true;
  nullCount = true;
  ce = 0;
  private mode = 3;
  private bcd = false;
  private cr = 0;
  private crWritten = false;
  private loadAtNextPulse = false;
  private everLoaded = false;
  private loadedOdd = false;
  private strobeDue = false;
  private halfWritten = false;

  constructor(private gate: boolean) {}

  controlWord(mode: number, bcd: boolean): void {
    this.mode = mode;
    this.bcd = bcd;
    this.out = mode !== 0;
    this.nullCount = true;
    this.ce = 0;
    this.crWritten = false;
    this.loadAtNextPulse = false;
    this.everLoaded = false;
    this.strobeDue = false;
    this.halfWritten = false;
  }

  firstByteOfTwo(): void {
    if (this.mode !== 0) return;
    this.halfWritten = true;
    this.out = false;
  }

  count(raw: number): void {
    this.cr = raw;
    this.crWritten = true;
    this.nullCount = true;
    this.halfWritten = false;
    if (this.mode === 0) this.out = false;
    if (this.mode === 0 || this.mode === 4) this.loadAtNextPulse = true;
    if ((this.mode === 2 || this.mode === 3) && !this.everLoaded) this.loadAtNextPulse = true;
  }

  setGate(level: boolean): void {
    const rising = level && !this.gate;
    const falling = !level && this.gate;
    this.gate = level;
    if (falling && (this.mode === 2 || this.mode === 3)) this.out = true;
    if (rising && [1, 2, 3, 5].includes(this.mode) && this.crWritten) this.loadAtNextPulse = true;
  }

  pulse(): void {
    if (this.loadAtNextPulse) {
      this.loadAtNextPulse = false;
      this.everLoaded = true;
      this.load();
      this.out = this.mode > 1 || (this.mode === 0 && this.out);
      this.strobeDue = this.mode >= 4;
      return;
    }
    if (!this.everLoaded) return;
    switch (this.mode) {
      case 0:
        if (this.gate && !this.halfWritten) {
          this.step();
          if (this.ce === 0) this.out = true;
        }
        break;
      case 1:
        this.step();
        if (this.ce === 0) this.out = true;
        break;
      case 2:
        if (!this.gate) break;
        if (this.ce === 1) {
          this.load();
          this.out = true;
        } else {
          this.step();
          if (this.ce === 1) this.out = false;
        }
        break;
      case 3:
        if (!this.gate) break;
        if (this.ce === (this.loadedOdd && this.out ? 0 : 2)) {
          // An illegal count of 1: OUT stays high.
          this.out = this.cr === 1 || !this.out;
          this.load();
        } else {
          this.step();
          this.step();
        }
        break;
      default:
        this.out = true;
        if (this.mode === 4 && !this.gate) break;
        this.step();
        if (this.ce === 0 && this.strobeDue) {
          this.strobeDue = false;
          this.out = false;
        }
    }
  }

  private load(): void {
    this.nullCount = false;
    this.loadedOdd = (this.cr & 1) === 1;
    this.ce = this.mode === 3 && this.loadedOdd ? this.cr - 1 : this.cr;
  }

  private step(): void {
    if (!this.bcd) {
      this.ce = (this.ce - 1) & 0xffff;
      return;
    }
    for (let shift = 0; shift < 16; shift += 4) {
      const digit = (this.ce >> shift) & 15;
      this.ce &= ~(15 << shift);
      if (digit > 0) {
        this.ce |= (digit - 1) << shift;
        return;
      }
      this.ce |= 9 << shift;
    }
  }
}
