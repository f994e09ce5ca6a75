import type { ExitHandlers } from '../accelerator.js';
import { NO_DEVICES } from '../bus/dispatch.js';
import { Doorbell, type Interrupter } from '../doorbell.js';
import type { KvmVcpuHandle } from '../kvm/kvm-vcpu.js';
import { Latch } from '../latch.js';
import type { PowerSwitch } from '../power-switch.js';
import type { VcpuThreadSetup } from './protocol.js';
import { VcpuLink } from './vcpu-link.js';

/** The vCPUs that have threads of their own, as the machine worker deals with them. */
export class FurtherVcpus {
  readonly links: readonly VcpuLink[];
  /** What the control thread needs to start their threads. */
  readonly setups: readonly VcpuThreadSetup[];

  constructor(
    vcpus: readonly KvmVcpuHandle[],
    private readonly machineDoorbell: Doorbell,
    interrupt: Interrupter,
    recorded = false,
  ) {
    this.setups = vcpus.map(vcpu => ({
      ...vcpu,
      machineDoorbell: machineDoorbell.buffer,
      link: VcpuLink.allocate(),
      done: Latch.allocate(),
      recorded,
    }));
    this.links = this.setups.map(
      ({ index, link, doorbell }) => new VcpuLink(index, link, new Doorbell(doorbell, interrupt)),
    );
  }

  /** Exits of all of them so far. */
  get exits(): number {
    return this.links.reduce((sum, link) => sum + link.exits, 0);
  }

  /** Serves the exits that wait, and ends the run when one of the vCPUs cannot go on. */
  serve(handlers: ExitHandlers, power: PowerSwitch, serving: (link: VcpuLink) => void): void {
    for (const link of this.links) {
      serving(link);
      link.serve(handlers);
      const end = link.end;
      if (end) {
        const reason = end.reason === 'shutdown' ? 'triple-fault' : 'failed';
        const failure = end.failure ?? {
          reason: end.reason === 'shutdown' ? reason : end.reason,
          details: {},
        };
        power.finish({ reason, vcpu: link.index, failure });
      }
    }
  }

  /** Brings all of them out of the guest; `serveAll` answers the exits in which some of them may be waiting. */
  park(serveAll: () => void): void {
    for (const link of this.links) link.park();
    this.waitUntilOutside(serveAll);
  }

  resume(): void {
    for (const link of this.links) link.resume();
  }

  /** Ends their threads. Accesses on which some of them may still wait reach no device any more. */
  stop(): void {
    for (const link of this.links) link.stop();
    this.waitUntilOutside(() => {
      for (const link of this.links) link.serve(NO_DEVICES);
    });
  }

  private waitUntilOutside(serveAll: () => void): void {
    for (;;) {
      this.machineDoorbell.answer();
      serveAll();
      if (this.links.every(link => link.outside)) break;
      this.machineDoorbell.wait(Infinity);
    }
    // The rings that were answered here may have announced something else too.
    this.machineDoorbell.raise();
  }
}
