import { ConfigError } from '../../errors.js';
import type { Accelerator, VmOptions } from '../accelerator.js';
import { KvmVm } from './kvm-vm.js';
import { Kvm } from './kvm.js';

/** Hardware virtualization through Linux's /dev/kvm. */
export class KvmAccelerator implements Accelerator {
  readonly name = 'kvm';

  constructor(private readonly device = '/dev/kvm') {}

  /** @throws AcceleratorError when the host has no usable KVM, ConfigError for what a real processor cannot do */
  createVm(options: VmOptions): KvmVm {
    if (options.icount) throw new ConfigError('KVM cannot count instructions: time runs by the host');
    const kvm = Kvm.open(this.device);
    try {
      return new KvmVm(kvm, options);
    } catch (error) {
      kvm.close();
      throw error;
    }
  }
}
