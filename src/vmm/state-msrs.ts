/**
 * The model-specific registers that are part of a vCPU's state, by number (Intel SDM vol. 4; AMD APM vol. 2,
 * appendix A; the kernel's Documentation/virt/kvm/x86/msr.rst for the last group).
 */
export const STATE_MSRS: Readonly<Record<string, number>> = {
  IA32_TSC: 0x10,
  IA32_MISC_ENABLE: 0x1a0,
  IA32_SYSENTER_CS: 0x174,
  IA32_SYSENTER_ESP: 0x175,
  IA32_SYSENTER_EIP: 0x176,
  IA32_PAT: 0x277,
  IA32_MTRR_DEF_TYPE: 0x2ff,
  IA32_TSC_DEADLINE: 0x6e0,
  STAR: 0xc000_0081,
  LSTAR: 0xc000_0082,
  CSTAR: 0xc000_0083,
  SFMASK: 0xc000_0084,
  KERNEL_GS_BASE: 0xc000_0102,
  TSC_AUX: 0xc000_0103,
  KVM_WALL_CLOCK: 0x4b56_4d00,
  KVM_SYSTEM_TIME: 0x4b56_4d01,
};
