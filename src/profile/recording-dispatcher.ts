import type { ExitHandlers } from '../vmm/accelerator.js';
import type { Dispatcher } from '../vmm/bus/dispatch.js';
import type { AccessSize } from '../vmm/device.js';
import type { VcpuLink } from '../vmm/machine/vcpu-link.js';
import type { ExitRecorder } from './exit-recorder.js';

/** Stands between the accelerator and the dispatcher while exits are recorded, to say which register each one reaches. */
export class RecordingDispatcher implements ExitHandlers {
  /** @param serving the vCPU whose exit came from another thread, `undefined` for this thread's own */
  constructor(
    private readonly inner: ExitHandlers,
    private readonly buses: Pick<Dispatcher, 'ports' | 'mmio'>,
    private readonly recorder: ExitRecorder,
    private readonly serving: () => VcpuLink | undefined,
  ) {}

  pioRead(port: number, size: AccessSize): number {
    const exit = this.recorder.access(this.where(), this.buses.ports, false, port, size, 0);
    const value = this.inner.pioRead(port, size);
    if (exit.accesses === 1) exit.value = value;
    return value;
  }

  pioWrite(port: number, size: AccessSize, value: number): void {
    this.recorder.access(this.where(), this.buses.ports, true, port, size, value);
    this.inner.pioWrite(port, size, value);
  }

  mmioRead(gpa: number, size: AccessSize): number {
    const exit = this.recorder.access(this.where(), this.buses.mmio, false, gpa, size, 0);
    const value = this.inner.mmioRead(gpa, size);
    if (exit.accesses === 1) exit.value = value;
    return value;
  }

  mmioWrite(gpa: number, size: AccessSize, value: number): void {
    this.recorder.access(this.where(), this.buses.mmio, true, gpa, size, value);
    this.inner.mmioWrite(gpa, size, value);
  }

  eoi(vector: number): void {
    this.recorder.eoi(this.where(), vector);
    this.inner.eoi(vector);
  }

  acknowledgePic(): number {
    const vector = this.inner.acknowledgePic();
    this.recorder.interrupt('pic', vector, 0);
    return vector;
  }

  /** The vCPU whose exit came from another thread, 0 for this thread's own. */
  private where(): number {
    const link = this.serving();
    if (link === undefined) return 0;
    this.recorder.remoteLeft(link.index, link.exit, link.guestNs, link.waitedNs);
    return link.index;
  }
}
