import { TsvmmError } from '../errors.js';
import type { AcceleratorName } from '../vmm/machine/protocol.js';
import { calibrate, type Calibration } from '../vmm/kvm/calibrate.js';
import { Kvm } from '../vmm/kvm/kvm.js';

/** What a host offers to run guests on. */
export interface HostReport {
  readonly kvm: KvmReport;
  /** What `accel: 'auto'` takes here; `undefined` when there is nothing. */
  readonly auto: AcceleratorName | undefined;
}

/** KVM works, and how fast; or why it does not, and what to do about it. */
export type KvmReport =
  { readonly usable: true; readonly speed: Calibration } | { readonly usable: false; readonly why: string };

/** Looks at the host and measures it: takes a few ms where KVM has hardware under it, else about 0.2 s. */
export function inspectHost(kvmDevice = '/dev/kvm'): HostReport {
  const kvm = inspectKvm(kvmDevice);
  return { kvm, auto: kvm.usable ? 'kvm' : undefined };
}

function inspectKvm(device: string): KvmReport {
  try {
    Kvm.open(device).close();
    return { usable: true, speed: calibrate(device) };
  } catch (error) {
    if (!(error instanceof TsvmmError)) throw error;
    return { usable: false, why: error.message };
  }
}
