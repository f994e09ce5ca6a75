import type { Accelerator, VmOptions } from '../accelerator.js';
import { KvmVm } from './kvm-vm.js';
import { Kvm } from './kvm.js';

/** Hardware virtualization through Linux's /dev/kvm. */
export class KvmAccelerator implements Accelerator {
  readonly name = 'kvm';

  constructor(private readonly device = '/dev/kvm') {}

  /** @throws AcceleratorError when the host has no usable KVM */
  createVm(options: VmOptions): KvmVm {
    const kvm = Kvm.open(this.device);
    try {
      return new KvmVm(kvm, options);
    } catch (error) {
      kvm.close();
      throw error;
    }
  }
}
