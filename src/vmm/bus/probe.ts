import type { ExitHandlers } from '../accelerator.js';
import type { AccessSize, AddressSpace } from '../device.js';
import type { Bus, Claim } from './bus.js';
import type { Dispatcher } from './dispatch.js';
import type { ProbeRecorder } from './probe-batch.js';

/** One access as a probe sees it. */
export interface ProbeEvent {
  readonly space: AddressSpace;
  readonly direction: 'read' | 'write';
  /** Port number or guest physical address. */
  readonly address: number;
  readonly size: AccessSize;
  /** What was written, or what the device answered. */
  readonly value: number;
  /** The device and its register, `undefined` when nobody claims the address. */
  readonly register: string | undefined;
  readonly vcpu: number;
  /** RIP of the access, for a probe that asked for registers. */
  readonly rip?: bigint;
}

/** Which accesses a probe wants to see. */
export interface ProbeFilter {
  readonly space?: AddressSpace;
  /** First and last address. */
  readonly range?: readonly [first: number, last: number];
  /** The name of the device that claims the address. */
  readonly device?: string;
  /** RIP with each event; costs a copy of the registers at each exit. */
  readonly registers?: boolean;
}

/** Where a probe learns who is executing. */
export interface ProbeContext {
  vcpu(): number;
  rip(): bigint;
}

/**
 * Stands between the accelerator and the dispatcher while a probe is installed, and is not there otherwise: an
 * access that nobody observes pays nothing.
 */
export class ProbedDispatcher implements ExitHandlers {
  constructor(
    private readonly inner: ExitHandlers,
    private readonly buses: Pick<Dispatcher, 'ports' | 'mmio'>,
    private readonly filter: ProbeFilter,
    private readonly context: ProbeContext,
    private readonly recorder: ProbeRecorder,
  ) {}

  pioRead(port: number, size: AccessSize): number {
    const value = this.inner.pioRead(port, size);
    this.observe(this.buses.ports, 'read', port, size, value);
    return value;
  }

  pioWrite(port: number, size: AccessSize, value: number): void {
    this.inner.pioWrite(port, size, value);
    this.observe(this.buses.ports, 'write', port, size, value);
  }

  mmioRead(gpa: number, size: AccessSize): number {
    const value = this.inner.mmioRead(gpa, size);
    this.observe(this.buses.mmio, 'read', gpa, size, value);
    return value;
  }

  mmioWrite(gpa: number, size: AccessSize, value: number): void {
    this.inner.mmioWrite(gpa, size, value);
    this.observe(this.buses.mmio, 'write', gpa, size, value);
  }

  eoi(vector: number): void {
    this.inner.eoi(vector);
  }

  acknowledgePic(): number {
    return this.inner.acknowledgePic();
  }

  private observe(
    bus: Bus,
    direction: 'read' | 'write',
    address: number,
    size: AccessSize,
    value: number,
  ): void {
    const claim = bus.at(address);
    if (!this.wants(bus.space, address, claim)) return;
    const { context, recorder } = this;
    const rip = this.filter.registers ? context.rip() : undefined;
    recorder.record(bus.space, direction, address, size, value, claim, context.vcpu(), rip);
  }

  private wants(space: AddressSpace, address: number, claim: Claim | undefined): boolean {
    const { filter } = this;
    if (filter.space !== undefined && filter.space !== space) return false;
    if (filter.range && (address < filter.range[0] || address > filter.range[1])) return false;
    return filter.device === undefined || filter.device === claim?.owner;
  }
}
