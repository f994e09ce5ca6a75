import { workerData } from 'node:worker_threads';
import { MachineClock } from '../vmm/clock.js';
import { Doorbell } from '../vmm/doorbell.js';
import { KvmVcpu } from '../vmm/kvm/kvm-vcpu.js';
import { Latch } from '../vmm/latch.js';
import { HostTime } from '../vmm/machine/host-time.js';
import type { VcpuThreadSetup } from '../vmm/machine/protocol.js';
import { RemoteVcpu, TimedRemoteVcpu } from '../vmm/machine/vcpu-link.js';
import { interruptThread } from './kick-signal.js';

/** The thread of one further vCPU: runs it until it is told to stop; its exits go to the machine worker. */
const setup = workerData as VcpuThreadSetup;
const doorbell = new Doorbell(setup.doorbell);
const Remote = setup.recorded ? TimedRemoteVcpu : RemoteVcpu;
const remote = new Remote(setup.link, new Doorbell(setup.machineDoorbell, interruptThread));

try {
  // Before anything touches the vCPU: the machine may have ended already.
  if (remote.passGate()) serve();
} finally {
  new Latch(setup.done).open();
}

function serve(): void {
  const vcpu = new KvmVcpu(setup, remote, new MachineClock(new HostTime()));
  remote.rip = () => vcpu.rip();
  do {
    vcpu.exposeRegisters(remote.registersExposed);
    const reason = vcpu.run(Infinity);
    remote.countExits(vcpu.exits);
    doorbell.answer();
    if (reason === 'shutdown' || reason === 'failed' || reason === 'debug') {
      remote.reportEnd(reason, vcpu.failure);
      remote.waitForCommand();
    }
  } while (remote.passGate());
  vcpu.close();
}
