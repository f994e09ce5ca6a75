import { TsvmmError } from '../errors.js';
import type { AcceleratorName } from '../vmm/machine/protocol.js';
import { calibrate, type Calibration } from '../vmm/kvm/calibrate.js';
import { Kvm } from '../vmm/kvm/kvm.js';
import { chooseAccelerator } from './choose-accelerator.js';

/** What a host offers to run guests on. */
export interface HostReport {
  readonly kvm: KvmReport;
  /** What `accel: 'auto'` takes here. */
  readonly auto: AcceleratorName;
}

/** KVM works, and how fast; or why it does not, and what to do about it. */
export type KvmReport =
  { readonly usable: true; readonly speed: Calibration } | { readonly usable: false; readonly why: string };

/** Looks at the host and measures its KVM, which takes some ms. */
export function inspectHost(kvmDevice = '/dev/kvm'): HostReport {
  const kvm = inspectKvm(kvmDevice);
  return { kvm, auto: chooseAccelerator(kvm).name };
}

/** What KVM is good for. */
export function inspectKvm(device: string): KvmReport {
  try {
    Kvm.open(device).close();
    return { usable: true, speed: calibrate(device) };
  } catch (error) {
    if (!(error instanceof TsvmmError)) throw error;
    return { usable: false, why: error.message };
  }
}
