import { TsvmmError } from '../../../../src/errors.js';
import { Kvm } from '../../../../src/vmm/kvm/kvm.js';

/** Why there is no usable KVM on this host, `undefined` when there is. */
export const NO_KVM = whyNoKvm();

function whyNoKvm(): string | undefined {
  try {
    Kvm.open().close();
    return undefined;
  } catch (error) {
    if (error instanceof TsvmmError) return error.message;
    throw error;
  }
}
