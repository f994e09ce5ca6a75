import type { GuestMemory } from '../vmm/memory/guest-memory.js';
import type { LocalApic } from './apic/local-apic.js';

/** What the model-specific registers outside the core need. */
export interface MsrHost {
  readonly memory: GuestMemory;
  /** Milliseconds since 1970 at power-on. */
  wallClockAtPowerOn(): number;
  /** The machine's time stamp counter: ns on its clock. */
  tsc(): bigint;
  /** What the vCPU adds to it. */
  tscOffset: bigint;
  /** The local APIC's page has moved or gone. */
  apicMoved(): void;
}

const IA32_TSC = 0x10;
const IA32_APIC_BASE = 0x1b;
const IA32_TSC_ADJUST = 0x3b;
const IA32_TSC_DEADLINE = 0x6e0;
const X2APIC_FIRST = 0x800;
const X2APIC_LAST = 0x8ff;
const X2APIC_ICR = 0x830;
const MTRR_CAP = 0xfe;
const MISC_ENABLE = 0x1a0;
const PAT = 0x277;
const KVM_WALL_CLOCK = 0x4b56_4d00;
const KVM_SYSTEM_TIME = 0x4b56_4d01;
/** The same under their first numbers. */
const KVM_WALL_CLOCK_OLD = 0x11;
const KVM_SYSTEM_TIME_OLD = 0x12;

/** The performance counters that every AMD processor has: they count nothing, and read zero. */
const PERF_COUNTERS_FIRST = 0xc001_0000;
const PERF_COUNTERS_LAST = 0xc001_0007;

/** Physical addresses have so many (CPUID 0x80000008). */
const ADDRESS_BITS = 40n;

const PVCLOCK_TSC_STABLE = 1;

/** Registers without effect that guests read or write while they start: by number, their value after reset. */
const STORAGE: ReadonlyMap<number, bigint> = new Map([
  [0x0, 0n],
  [0x1, 0n],
  [0x17, 0n],
  [0x2a, 0n],
  [0x8b, 0x0100_0065n],
  [0x179, 0n],
  [0x17a, 0n],
  [0x17b, 0n],
  [MISC_ENABLE, 1n],
  [PAT, 0x0007_0406_0007_0406n],
  [0x2ff, 0n],
  ...fixedMtrrs(),
  [0xc001_0010, 0n],
  [0xc001_0015, 0n],
  [0xc001_001f, 0n],
  [0xc001_0055, 0n],
  [0xc001_0117, 0n],
  [0xc001_0140, 0n],
  [0xc001_0141, 0n],
  [0xc001_1022, 0n],
  [0xc001_1023, 0n],
  [0xc001_1029, 0n],
  [0xc001_102a, 0n],
]);

function fixedMtrrs(): [number, bigint][] {
  const numbers = [0x250, 0x258, 0x259];
  for (let n = 0x268; n <= 0x26f; n++) numbers.push(n);
  for (let n = 0x200; n <= 0x20f; n++) numbers.push(n);
  return numbers.map(n => [n, 0n]);
}

/** One vCPU's model-specific registers, as far as the core does not have them. */
export class Msrs {
  private readonly stored = new Map(STORAGE);
  private systemTime = 0n;
  private wallClock = 0n;
  /** As it was written; 0 when it was never armed. */
  private tscDeadline = 0n;
  private tscAdjust = 0n;

  constructor(
    private readonly apic: LocalApic,
    private readonly host: MsrHost,
  ) {}

  /** @returns undefined when there is no such register */
  read(index: number): bigint | undefined {
    switch (index) {
      case IA32_APIC_BASE:
        return BigInt(this.apic.base);
      case IA32_TSC:
        return BigInt.asUintN(64, this.host.tsc() + this.host.tscOffset);
      case IA32_TSC_ADJUST:
        return this.tscAdjust;
      case IA32_TSC_DEADLINE:
        return this.deadlineArmed ? this.tscDeadline : 0n;
      case MTRR_CAP:
        // Eight variable ranges, fixed ranges, write-combining.
        return 0x508n;
      case KVM_SYSTEM_TIME:
      case KVM_SYSTEM_TIME_OLD:
        return this.systemTime;
      case KVM_WALL_CLOCK:
      case KVM_WALL_CLOCK_OLD:
        return this.wallClock;
      default:
        if (index >= X2APIC_FIRST && index <= X2APIC_LAST) return this.readX2apic(index);
        if (isPerfCounter(index)) return 0n;
        return this.stored.get(index);
    }
  }

  /** @returns false when there is no such register or it refuses the value */
  write(index: number, value: bigint): boolean {
    switch (index) {
      case IA32_APIC_BASE:
        if (value >> ADDRESS_BITS !== 0n || !this.apic.writeBase(Number(value))) return false;
        this.host.apicMoved();
        return true;
      case IA32_TSC:
        this.moveTsc(value - this.host.tsc() - this.host.tscOffset);
        return true;
      case IA32_TSC_ADJUST:
        this.moveTsc(value - this.tscAdjust);
        return true;
      case IA32_TSC_DEADLINE:
        this.tscDeadline = value;
        this.armDeadline();
        return true;
      case MTRR_CAP:
        return false;
      case KVM_SYSTEM_TIME:
      case KVM_SYSTEM_TIME_OLD:
        this.systemTime = value;
        if (value & 1n) this.publishClock(Number(value & ~1n));
        return true;
      case KVM_WALL_CLOCK:
      case KVM_WALL_CLOCK_OLD:
        this.wallClock = value;
        if (value !== 0n) this.publishWallClock(Number(value));
        return true;
      default:
        if (index >= X2APIC_FIRST && index <= X2APIC_LAST) return this.writeX2apic(index, value);
        if (isPerfCounter(index)) return true;
        if (!this.stored.has(index)) return false;
        if (index === PAT && !isPat(value)) return false;
        this.stored.set(index, value);
        return true;
    }
  }

  /** Both ways of writing the counter tell IA32_TSC_ADJUST (Intel SDM vol. 3, 18.17.3). */
  private moveTsc(delta: bigint): void {
    this.tscAdjust = BigInt.asUintN(64, this.tscAdjust + delta);
    this.host.tscOffset = BigInt.asUintN(64, this.host.tscOffset + delta);
    if (this.deadlineArmed) this.armDeadline();
    if (this.systemTime & 1n) this.publishClock(Number(this.systemTime & ~1n));
  }

  private get deadlineArmed(): boolean {
    return this.apic.usesTscDeadline && this.apic.deadline !== Infinity;
  }

  private armDeadline(): void {
    const ns = BigInt.asIntN(64, this.tscDeadline - this.host.tscOffset);
    this.apic.setTscDeadline(this.tscDeadline === 0n ? Infinity : Number(ns));
  }

  private readX2apic(index: number): bigint | undefined {
    if (index === X2APIC_ICR) return this.apic.readX2Icr();
    const value = this.apic.readX2((index - X2APIC_FIRST) << 4);
    return value === undefined ? undefined : BigInt(value);
  }

  private writeX2apic(index: number, value: bigint): boolean {
    if (index === X2APIC_ICR) return this.apic.writeX2Icr(value);
    return value >> 32n === 0n && this.apic.writeX2((index - X2APIC_FIRST) << 4, Number(value));
  }

  /**
   * `struct pvclock_vcpu_time_info` (Linux, Documentation/virt/kvm/x86/msr.rst). The counter runs at 1 GHz, so that
   * one filling lasts: system time = (TSC − offset) · 2^1 · 2^31 / 2^32.
   */
  private publishClock(gpa: number): void {
    const { memory } = this.host;
    if (!memory.contains(gpa, 32)) return;
    memory.write32(gpa, 2);
    memory.write32(gpa + 4, 0);
    memory.write64(gpa + 8, this.host.tscOffset);
    memory.write64(gpa + 16, 0n);
    memory.write32(gpa + 24, 0x8000_0000);
    memory.write8(gpa + 28, 1);
    memory.write8(gpa + 29, PVCLOCK_TSC_STABLE);
    memory.write16(gpa + 30, 0);
  }

  /** `struct pvclock_wall_clock`: the time of day at power-on. */
  private publishWallClock(gpa: number): void {
    const { memory } = this.host;
    if (!memory.contains(gpa, 12)) return;
    const ms = this.host.wallClockAtPowerOn();
    memory.write32(gpa, 2);
    memory.write32(gpa + 4, Math.floor(ms / 1000));
    memory.write32(gpa + 8, Math.floor((ms % 1000) * 1e6));
  }
}

function isPerfCounter(index: number): boolean {
  return index >= PERF_COUNTERS_FIRST && index <= PERF_COUNTERS_LAST;
}

/** Each byte is one of the six memory types. */
function isPat(value: bigint): boolean {
  for (let i = 0n; i < 64n; i += 8n) {
    const type = Number((value >> i) & 0xffn);
    if (type > 7 || type === 2 || type === 3) return false;
  }
  return true;
}
