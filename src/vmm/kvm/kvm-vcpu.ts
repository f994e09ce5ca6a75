import { EAGAIN, EINTR, KVM_EXIT_IO_OUT, KVM_SYNC_X86_REGS, KvmExit } from './constants.js';
import type { ExitHandlers, StopReason, VcpuFailure } from '../accelerator.js';
import type { MachineClock } from '../clock.js';
import type { AccessSize } from '../device.js';
import { Doorbell } from '../doorbell.js';
import type { ExitObserver, ObservedExit } from '../exit-observer.js';
import { offsetOf } from '../layout.js';
import { DeadlineTimer, kickTarget } from '../../host/kick-signal.js';
import { errno, mapShared, setErrno, strerror, type Mapping } from '../../host/libc.js';
import { describeExit } from './exit-failure.js';
import { KvmError } from './kvm-error.js';
import { exitIo, exitMmio, kvmRun, kvmRegs, kvmSyncRegs } from './structs.js';
import { VcpuAccess } from './vcpu-access.js';

/** What another thread needs to run this vCPU. */
export interface KvmVcpuHandle {
  readonly index: number;
  readonly fd: number;
  /** Bytes of the shared page and what follows it. */
  readonly runSize: number;
  /** Whether the host has XCR0. */
  readonly xcrs: boolean;
  readonly doorbell: SharedArrayBuffer;
}

const WINDOW = offsetOf(kvmRun, 'request_interrupt_window');
const IMMEDIATE_EXIT = offsetOf(kvmRun, 'immediate_exit');
const EXIT_REASON = offsetOf(kvmRun, 'exit_reason');
const READY = offsetOf(kvmRun, 'ready_for_interrupt_injection');
const IF_FLAG = offsetOf(kvmRun, 'if_flag');
const VALID_REGS = offsetOf(kvmRun, 'kvm_valid_regs');
const SYNC_REGS = offsetOf(kvmRun, 's') + offsetOf(kvmSyncRegs, 'regs');
const EXIT = offsetOf(kvmRun, 'exit');
const IO_DIRECTION = EXIT + offsetOf(exitIo, 'direction');
const IO_SIZE = EXIT + offsetOf(exitIo, 'size');
const IO_PORT = EXIT + offsetOf(exitIo, 'port');
const IO_COUNT = EXIT + offsetOf(exitIo, 'count');
const IO_DATA_OFFSET = EXIT + offsetOf(exitIo, 'data_offset');
const MMIO_ADDRESS = EXIT + offsetOf(exitMmio, 'phys_addr');
const MMIO_DATA = EXIT + offsetOf(exitMmio, 'data');
const MMIO_LENGTH = EXIT + offsetOf(exitMmio, 'len');
const MMIO_IS_WRITE = EXIT + offsetOf(exitMmio, 'is_write');
const EOI_VECTOR = EXIT;
const RIP = SYNC_REGS + offsetOf(kvmRegs, 'rip');

/**
 * One vCPU of KVM, used by the thread that runs it: `ioctl(KVM_RUN)`, then a switch on the exit reason. The loop
 * does not allocate; offsets into the shared page come from the layouts once.
 */
export class KvmVcpu {
  readonly index: number;
  failure: VcpuFailure | undefined;
  /** Exits served since the start, KVM_RUNs that were merely interrupted not among them. */
  exits = 0;
  /** What the PIC drives into the local APIC's LINT0; vCPU 0 only. */
  intr = false;

  private readonly access: VcpuAccess;
  /** By which the guest is entered: `access`, or an observer before it. */
  private entry: Pick<VcpuAccess, 'enter'>;
  private readonly mapping: Mapping;
  private readonly page: DataView;
  private readonly bytes: Uint8Array;
  private readonly doorbell: Doorbell;
  private readonly timer: DeadlineTimer;
  private armed = Infinity;
  private readonly halves = new Uint32Array(2);

  constructor(
    handle: KvmVcpuHandle,
    public handlers: ExitHandlers,
    private readonly clock: MachineClock,
  ) {
    this.index = handle.index;
    this.access = new VcpuAccess(handle.fd, handle.xcrs);
    this.entry = this.access;
    const mapping = mapShared(handle.fd, handle.runSize);
    if (!mapping) throw KvmError.ofCall('mmap of a vCPU');
    this.mapping = mapping;
    this.page = new DataView(mapping.buffer);
    this.bytes = new Uint8Array(mapping.buffer);
    try {
      this.timer = new DeadlineTimer();
    } catch (error) {
      mapping.unmap();
      throw error;
    }
    this.doorbell = new Doorbell(handle.doorbell);
    this.doorbell.own(kickTarget(), mapping.address + IMMEDIATE_EXIT);
  }

  run(deadlineNs: number): StopReason {
    const { page, clock, entry, doorbell } = this;
    const before = this.exits;
    this.arm(deadlineNs);
    for (;;) {
      // Only where it is set: a store that were still on its way when a ring sets the byte would wipe that out.
      if (page.getUint8(IMMEDIATE_EXIT) !== 0) Atomics.store(this.bytes, IMMEDIATE_EXIT, 0);
      // After the byte is cleared: a ring from here on sets it again.
      if (doorbell.rung) return 'kicked';
      this.offerPicInterrupt();
      const entered = entry.enter();
      clock.tick();
      if (entered < 0) {
        const error = errno();
        if (error !== EINTR && error !== EAGAIN) return this.fail(`KVM_RUN: ${strerror(error)}`);
        if (!doorbell.rung && clock.now() >= deadlineNs)
          return this.slept(before) ? 'halted-masked' : 'slice';
        continue;
      }
      this.exits++;
      switch (page.getUint32(EXIT_REASON, true) as KvmExit) {
        case KvmExit.IO:
          this.portAccess();
          break;
        case KvmExit.MMIO:
          this.mmioAccess();
          break;
        case KvmExit.IOAPIC_EOI:
          this.handlers.eoi(page.getUint8(EOI_VECTOR));
          break;
        case KvmExit.IRQ_WINDOW_OPEN:
        case KvmExit.INTR:
          break;
        case KvmExit.SHUTDOWN:
          return 'shutdown';
        case KvmExit.DEBUG:
          return 'debug';
        default:
          this.failure = describeExit(new Uint8Array(this.mapping.buffer));
          return 'failed';
      }
    }
  }

  /** KVM copies the general registers into the shared page at each exit while `on` (KVM_CAP_SYNC_REGS). */
  exposeRegisters(on: boolean): void {
    this.page.setBigUint64(VALID_REGS, on ? BigInt(KVM_SYNC_X86_REGS) : 0n, true);
  }

  /** RIP of the current exit while registers are exposed. */
  rip(): bigint {
    return this.page.getBigUint64(RIP, true);
  }

  /** The same without an object for it. @param to low and high half */
  copyRip(to: Uint32Array): void {
    to[0] = this.page.getUint32(RIP, true);
    to[1] = this.page.getUint32(RIP + 4, true);
  }

  /** Tells `observer` of each entry into the guest and each exit, or nobody. */
  observe(observer: ExitObserver | undefined): void {
    this.entry = observer ? new ObservedEntry(this.access, this.page, observer) : this.access;
  }

  /** No host timer of this vCPU goes off until the next `run()`. */
  rest(): void {
    this.arm(Infinity);
  }

  close(): void {
    this.doorbell.disown();
    this.timer.close();
    this.mapping.unmap();
  }

  private arm(deadlineNs: number): void {
    if (deadlineNs === this.armed) return;
    this.armed = deadlineNs;
    this.timer.arm(deadlineNs - this.clock.now());
  }

  private fail(reason: string): StopReason {
    this.failure = { reason, details: {} };
    return 'failed';
  }

  /** Halted with interrupts off through all of this slice. */
  private slept(exitsBefore: number): boolean {
    const masked = this.page.getUint8(IF_FLAG) === 0;
    return masked && this.exits === exitsBefore && this.access.activity() === 'halted';
  }

  /**
   * With the split irqchip the PIC is outside the kernel: its vector is handed over when the guest can take it, and
   * until then the window in which it can is asked for (Documentation/virt/kvm/api.rst, KVM_INTERRUPT).
   */
  private offerPicInterrupt(): void {
    const { page } = this;
    let waiting = this.intr;
    if (waiting && page.getUint8(READY) !== 0) {
      this.access.interrupt(this.handlers.acknowledgePic());
      // Stale from now on: KVM says anew at the next exit.
      page.setUint8(READY, 0);
      waiting = this.intr;
    }
    page.setUint8(WINDOW, waiting ? 1 : 0);
  }

  /** `rep outs` and `rep ins` arrive as one exit with a count. */
  private portAccess(): void {
    const { page, handlers } = this;
    const size = page.getUint8(IO_SIZE) as AccessSize;
    const port = page.getUint16(IO_PORT, true);
    const start = page.getUint32(IO_DATA_OFFSET, true);
    const end = start + size * page.getUint32(IO_COUNT, true);
    if (page.getUint8(IO_DIRECTION) === KVM_EXIT_IO_OUT) {
      for (let at = start; at < end; at += size) handlers.pioWrite(port, size, load(page, at, size));
    } else {
      for (let at = start; at < end; at += size) store(page, at, size, handlers.pioRead(port, size));
    }
  }

  /** KVM hands over at most 8 bytes; fragments of an access that crosses a page may have odd lengths. */
  private mmioAccess(): void {
    const { page, handlers } = this;
    const gpa = page.getUint32(MMIO_ADDRESS, true) + page.getUint32(MMIO_ADDRESS + 4, true) * 2 ** 32;
    const length = page.getUint32(MMIO_LENGTH, true);
    const write = page.getUint8(MMIO_IS_WRITE) !== 0;
    if (length === 8 && handlers.mmioWide) {
      const { halves } = this;
      halves[0] = page.getUint32(MMIO_DATA, true);
      halves[1] = page.getUint32(MMIO_DATA + 4, true);
      handlers.mmioWide(gpa, write, halves);
      page.setUint32(MMIO_DATA, halves[0], true);
      page.setUint32(MMIO_DATA + 4, halves[1], true);
      return;
    }
    for (let at = 0; at < length;) {
      const rest = length - at;
      const size = rest >= 4 ? 4 : rest >= 2 ? 2 : 1;
      if (write) handlers.mmioWrite(gpa + at, size, load(page, MMIO_DATA + at, size));
      else store(page, MMIO_DATA + at, size, handlers.mmioRead(gpa + at, size));
      at += size;
    }
  }
}

/** Stands between the run loop and KVM_RUN while somebody wants to know of exits. */
class ObservedEntry implements Pick<VcpuAccess, 'enter'> {
  constructor(
    private readonly access: VcpuAccess,
    private readonly page: DataView,
    private readonly observer: ExitObserver,
  ) {}

  enter(): number {
    this.observer.entering();
    const entered = this.access.enter();
    if (entered < 0) {
      // What the observer calls may leave another.
      const error = errno();
      this.observer.left('signal');
      setErrno(error);
    } else this.observer.left(OBSERVED[this.page.getUint32(EXIT_REASON, true)] ?? 'failure');
    return entered;
  }
}

/** What observers call exits that do not end the run. */
const OBSERVED: readonly (ObservedExit | undefined)[] = Object.assign([] as (ObservedExit | undefined)[], {
  [KvmExit.IO]: 'io',
  [KvmExit.MMIO]: 'mmio',
  [KvmExit.IOAPIC_EOI]: 'eoi',
  [KvmExit.IRQ_WINDOW_OPEN]: 'interrupt-window',
  [KvmExit.INTR]: 'signal',
  [KvmExit.SHUTDOWN]: 'shutdown',
  [KvmExit.DEBUG]: 'debug',
});

function load(page: DataView, at: number, size: AccessSize): number {
  if (size === 1) return page.getUint8(at);
  return size === 2 ? page.getUint16(at, true) : page.getUint32(at, true);
}

function store(page: DataView, at: number, size: AccessSize, value: number): void {
  if (size === 1) page.setUint8(at, value);
  else if (size === 2) page.setUint16(at, value, true);
  else page.setUint32(at, value, true);
}
