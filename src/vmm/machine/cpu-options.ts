/** What processors tell the guest of the hypervisor. */
export interface CpuOption {
  /** KVM's clock, which the guest reads without leaving the guest; true by default. */
  readonly kvmclock?: boolean;
  /** KVM's signature and all that comes with it; true by default. Without it there is no kvmclock either. */
  readonly kvm?: boolean;
}

export function checkCpu({ kvmclock = true, kvm = true }: CpuOption = {}): Required<CpuOption> {
  return { kvmclock: kvmclock && kvm, kvm };
}
