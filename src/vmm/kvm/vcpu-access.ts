import { ioctl, ioctlStruct } from '../../host/libc.js';
import { asBuffer, offsetOf } from '../layout.js';
import { STATE_MSRS } from '../state-msrs.js';
import type { FrameState } from '../accelerator.js';
import type { ExtendedState, VcpuActivity, VcpuState } from '../vcpu-state.js';
import * as k from './constants.js';
import { KvmError } from './kvm-error.js';
import * as structs from './structs.js';
import { generalFromKvm, generalToKvm, systemFromKvm, systemToKvm } from './vcpu-registers.js';

/** What a structure's layout must offer to go through an ioctl. */
interface Codec<T> {
  readonly span: number;
  decode(buffer: Uint8Array, offset?: number): T;
  encode(value: T, buffer: Uint8Array, offset?: number): number;
}

const EFER_LMA = 1n << 10n;

const RBP = offsetOf(structs.kvmRegs, 'rbp');
const RSP = offsetOf(structs.kvmRegs, 'rsp');
const CR0 = offsetOf(structs.kvmSregs, 'cr0');
const CR3 = offsetOf(structs.kvmSregs, 'cr3');
const CR4 = offsetOf(structs.kvmSregs, 'cr4');
const EFER = offsetOf(structs.kvmSregs, 'efer');
const CS_L = offsetOf(structs.kvmSregs, 'cs') + offsetOf(structs.kvmSegment, 'l');

const EVENT_FLAGS = offsetOf(structs.kvmVcpuEvents, 'flags');

/** XCR0 of a processor that has nothing beyond x87 and SSE (Intel SDM vol. 1, 13.3). */
const X87_AND_SSE = 3n;

/** Offset of LVT LINT1 in the local APIC's register page, and the value that makes it an NMI (Intel SDM vol. 3, 11.5.1). */
const LAPIC_LINT1 = 0x360;
const LVT_NMI = 0x400;

/**
 * The state of one vCPU through its file descriptor. The calls wait while the vCPU is inside KVM_RUN on another
 * thread, so that whoever uses them there brings it out first.
 */
export class VcpuAccess {
  /** What `frameState()` reads: it is asked for far more often than whole states are. */
  private readonly frame = {
    registers: asBuffer(new Uint8Array(structs.kvmRegs.span)),
    system: asBuffer(new Uint8Array(structs.kvmSregs.span)),
  };

  /** @param xcrs whether the host has XCR0 (KVM_CAP_XCRS), which comes with XSAVE */
  constructor(
    readonly fd: number,
    private readonly xcrs: boolean,
  ) {}

  getState(): VcpuState {
    return {
      registers: generalFromKvm(this.get('KVM_GET_REGS', k.KVM_GET_REGS, structs.kvmRegs)),
      system: systemFromKvm(this.get('KVM_GET_SREGS', k.KVM_GET_SREGS, structs.kvmSregs)),
      activity: this.activity(),
      extended: this.extended(),
      msrs: this.getMsrs(Object.values(STATE_MSRS)),
      lapic: this.lapic(),
    };
  }

  setState(state: VcpuState): void {
    // CR0, CR4 and EFER decide how the rest is checked.
    this.set('KVM_SET_SREGS', k.KVM_SET_SREGS, structs.kvmSregs, systemToKvm(state.system));
    this.set('KVM_SET_REGS', k.KVM_SET_REGS, structs.kvmRegs, generalToKvm(state.registers));
    if (state.extended) this.setExtended(state.extended);
    if (state.lapic) this.setLapic(state.lapic);
    // After the local APIC: the TSC deadline counts only in its TSC-deadline mode.
    if (state.msrs) this.setMsrs(state.msrs);
    this.setActivity(state.activity);
  }

  forgetEvents(): void {
    const buffer = asBuffer(new Uint8Array(structs.kvmVcpuEvents.span));
    // The latched INIT is among what comes with SMM.
    const flags =
      k.KVM_VCPUEVENT_VALID_NMI_PENDING | k.KVM_VCPUEVENT_VALID_SHADOW | k.KVM_VCPUEVENT_VALID_SMM;
    buffer.writeUInt32LE(flags, EVENT_FLAGS);
    this.call('KVM_SET_VCPU_EVENTS', k.KVM_SET_VCPU_EVENTS, buffer);
  }

  activity(): VcpuActivity {
    const { mp_state } = this.get('KVM_GET_MP_STATE', k.KVM_GET_MP_STATE, structs.kvmMpState);
    if (mp_state === k.KVM_MP_STATE_HALTED) return 'halted';
    return mp_state === k.KVM_MP_STATE_RUNNABLE ? 'running' : 'waiting-for-sipi';
  }

  /** Only bit 9, IF, of RFLAGS counts for what may wake a halted CPU. */
  interruptsEnabled(): boolean {
    return (this.get('KVM_GET_REGS', k.KVM_GET_REGS, structs.kvmRegs).rflags & 0x200n) !== 0n;
  }

  frameState(): FrameState {
    const { registers, system } = this.frame;
    if (ioctlStruct(this.fd, k.KVM_GET_REGS, registers) < 0) throw KvmError.ofCall('KVM_GET_REGS');
    if (ioctlStruct(this.fd, k.KVM_GET_SREGS, system) < 0) throw KvmError.ofCall('KVM_GET_SREGS');
    const efer = system.readBigUInt64LE(EFER);
    return {
      rbp: registers.readBigUInt64LE(RBP),
      rsp: registers.readBigUInt64LE(RSP),
      system: {
        cr0: system.readBigUInt64LE(CR0),
        cr3: system.readBigUInt64LE(CR3),
        cr4: system.readBigUInt64LE(CR4),
        efer,
      },
      wide: (efer & EFER_LMA) !== 0n && system[CS_L] !== 0,
    };
  }

  setCpuid(entries: readonly structs.KvmCpuidEntry[]): void {
    const { kvmCpuidHeader: header, kvmCpuidEntry: entry } = structs;
    const buffer = asBuffer(new Uint8Array(header.span + entries.length * entry.span));
    header.encode({ nent: entries.length, padding: 0 }, buffer);
    entries.forEach((value, i) => entry.encode(value, buffer, header.span + i * entry.span));
    this.call('KVM_SET_CPUID2', k.KVM_SET_CPUID2, buffer);
  }

  /** LINT1 delivers NMIs, as firmware leaves it; LINT0 is set up for the PIC by KVM itself. */
  connectNmi(): void {
    const page = this.lapic();
    new DataView(page.buffer, page.byteOffset).setUint32(LAPIC_LINT1, LVT_NMI, true);
    this.setLapic(page);
  }

  /** Registers that this host's KVM does not have are left out. */
  getMsrs(indices: readonly number[]): Map<number, bigint> {
    const { kvmMsrsHeader: header, kvmMsrEntry: entry } = structs;
    const found = new Map<number, bigint>();
    const buffer = asBuffer(new Uint8Array(header.span + entry.span));
    for (const index of indices) {
      header.encode({ nmsrs: 1, pad: 0 }, buffer);
      entry.encode({ index, reserved: 0, data: 0n }, buffer, header.span);
      // The result is the number of registers read: 0 for one that is not there.
      if (ioctlStruct(this.fd, k.KVM_GET_MSRS, buffer) === 1)
        found.set(index, entry.decode(buffer, header.span).data);
    }
    return found;
  }

  setMsrs(msrs: ReadonlyMap<number, bigint>): void {
    const { kvmMsrsHeader: header, kvmMsrEntry: entry } = structs;
    const buffer = asBuffer(new Uint8Array(header.span + msrs.size * entry.span));
    header.encode({ nmsrs: msrs.size, pad: 0 }, buffer);
    [...msrs].forEach(([index, data], i) =>
      entry.encode({ index, reserved: 0, data }, buffer, header.span + i * entry.span),
    );
    const set = ioctlStruct(this.fd, k.KVM_SET_MSRS, buffer);
    if (set !== msrs.size) {
      const refused = [...msrs.keys()][Math.max(0, set)];
      throw new KvmError(`KVM refuses to set MSR 0x${refused.toString(16)}`, { msr: refused });
    }
  }

  /** Without XSAVE in the processor KVM tells x87 and SSE state in the same layout. */
  private extended(): ExtendedState {
    const { region } = this.get('KVM_GET_XSAVE', k.KVM_GET_XSAVE, structs.kvmXsave);
    return { xsave: Uint8Array.from(region), xcr0: this.xcrs ? this.xcr0() : X87_AND_SSE };
  }

  private setExtended({ xsave, xcr0 }: ExtendedState): void {
    if (this.xcrs) this.setXcr0(xcr0);
    this.set('KVM_SET_XSAVE', k.KVM_SET_XSAVE, structs.kvmXsave, { region: asBuffer(xsave) });
  }

  private xcr0(): bigint {
    return this.get('KVM_GET_XCRS', k.KVM_GET_XCRS, structs.kvmXcrs).xcrs[0].value;
  }

  private setXcr0(xcr0: bigint): void {
    const none = { xcr: 0, reserved: 0, value: 0n };
    this.set('KVM_SET_XCRS', k.KVM_SET_XCRS, structs.kvmXcrs, {
      nr_xcrs: 1,
      flags: 0,
      xcrs: [{ ...none, value: xcr0 }, ...Array<typeof none>(15).fill(none)],
      padding: Array<bigint>(16).fill(0n),
    });
  }

  private lapic(): Uint8Array<ArrayBuffer> {
    return Uint8Array.from(this.get('KVM_GET_LAPIC', k.KVM_GET_LAPIC, structs.kvmLapicState).regs);
  }

  private setLapic(page: Uint8Array): void {
    this.set('KVM_SET_LAPIC', k.KVM_SET_LAPIC, structs.kvmLapicState, { regs: asBuffer(page) });
  }

  private setActivity(activity: VcpuActivity): void {
    const states: Record<VcpuActivity, number> = {
      running: k.KVM_MP_STATE_RUNNABLE,
      halted: k.KVM_MP_STATE_HALTED,
      'waiting-for-sipi': k.KVM_MP_STATE_UNINITIALIZED,
    };
    this.set('KVM_SET_MP_STATE', k.KVM_SET_MP_STATE, structs.kvmMpState, { mp_state: states[activity] });
  }

  private get<T>(name: string, request: number, codec: Codec<T>): T {
    const buffer = asBuffer(new Uint8Array(codec.span));
    this.call(name, request, buffer);
    return codec.decode(buffer);
  }

  private set<T>(name: string, request: number, codec: Codec<T>, value: T): void {
    const buffer = asBuffer(new Uint8Array(codec.span));
    codec.encode(value, buffer);
    this.call(name, request, buffer);
  }

  private call(name: string, request: number, argument: Uint8Array): void {
    if (ioctlStruct(this.fd, request, argument) < 0) throw KvmError.ofCall(name);
  }

  /** Asks KVM to deliver the PIC's interrupt `vector`. */
  interrupt(vector: number): void {
    this.set('KVM_INTERRUPT', k.KVM_INTERRUPT, structs.kvmInterrupt, { irq: vector });
  }

  enter(): number {
    return ioctl(this.fd, k.KVM_RUN, 0);
  }
}
