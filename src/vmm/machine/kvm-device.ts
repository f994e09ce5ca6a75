/** Linux's KVM. */
export const KVM_DEVICE = '/dev/kvm';
