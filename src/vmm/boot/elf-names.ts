/** `e_machine` of the System V ABI's registry, as far as somebody may try to boot it here. */
const MACHINES: ReadonlyMap<number, string> = new Map([
  [3, 'x86'],
  [8, 'MIPS'],
  [20, 'PowerPC'],
  [21, '64-bit PowerPC'],
  [22, 'S/390'],
  [40, '32-bit ARM'],
  [43, 'SPARC V9'],
  [50, 'Itanium'],
  [62, 'x86-64'],
  [183, 'AArch64'],
  [243, 'RISC-V'],
  [247, 'BPF'],
  [258, 'LoongArch'],
]);

const TYPES: ReadonlyMap<number, string> = new Map([
  [0, 'none'],
  [1, 'relocatable object'],
  [2, 'executable'],
  [3, 'shared object'],
  [4, 'core dump'],
]);

const SEGMENT_TYPES: ReadonlyMap<number, string> = new Map([
  [0, 'NULL'],
  [1, 'LOAD'],
  [2, 'DYNAMIC'],
  [3, 'INTERP'],
  [4, 'NOTE'],
  [6, 'PHDR'],
  [7, 'TLS'],
  [0x6474e550, 'GNU_EH_FRAME'],
  [0x6474e551, 'GNU_STACK'],
  [0x6474e552, 'GNU_RELRO'],
  [0x6474e553, 'GNU_PROPERTY'],
]);

/** Notes by owner and type: Xen's public/elfnote.h, Linux's elfnote-lto.h and build-salt.h, Solo5's ABI, GNU's ABI. */
const NOTES: Readonly<Record<string, ReadonlyMap<number, string>>> = {
  Xen: new Map([
    [0, 'INFO'],
    [1, 'ENTRY'],
    [2, 'HYPERCALL_PAGE'],
    [3, 'VIRT_BASE'],
    [4, 'PADDR_OFFSET'],
    [5, 'XEN_VERSION'],
    [6, 'GUEST_OS'],
    [7, 'GUEST_VERSION'],
    [8, 'LOADER'],
    [9, 'PAE_MODE'],
    [10, 'FEATURES'],
    [11, 'BSD_SYMTAB'],
    [12, 'HV_START_LOW'],
    [13, 'L1_MFN_VALID'],
    [14, 'SUSPEND_CANCEL'],
    [15, 'INIT_P2M'],
    [16, 'MOD_START_PFN'],
    [17, 'SUPPORTED_FEATURES'],
    [18, 'PHYS32_ENTRY'],
    [19, 'PHYS32_RELOC'],
  ]),
  Linux: new Map([
    [0x100, 'BUILD_SALT'],
    [0x101, 'LTO_INFO'],
  ]),
  GNU: new Map([
    [1, 'ABI_TAG'],
    [3, 'BUILD_ID'],
    [4, 'GOLD_VERSION'],
    [5, 'PROPERTY'],
  ]),
  Solo5: new Map([
    [0x31494241, 'ABI1'],
    [0x3154464d, 'MFT1'],
  ]),
  stapsdt: new Map([[3, 'PROBE']]),
};

/** `AArch64`, …, or `machine 1234`. */
export function machineName(machine: number): string {
  return MACHINES.get(machine) ?? `machine ${machine}`;
}

/** `executable`, …, or `type 0x1234`. */
export function elfTypeName(type: number): string {
  return TYPES.get(type) ?? `type 0x${type.toString(16)}`;
}

/** `LOAD`, …, or the number in hexadecimal. */
export function segmentTypeName(type: number): string {
  return SEGMENT_TYPES.get(type) ?? `0x${type.toString(16)}`;
}

/** What a note's type means to its owner, if that is known. */
export function noteName(owner: string, type: number): string | undefined {
  return Object.hasOwn(NOTES, owner) ? NOTES[owner].get(type) : undefined;
}
