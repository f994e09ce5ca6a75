/**
 * Where everything lies in the shared memory, in bytes: the one description that the AssemblyScript core and its
 * TypeScript host both read. Only plain numeric constants belong here.
 *
 * ```
 * 0x0000_0000  state of the running vCPU; registers have absolute 16-bit addresses
 * 0x0001_0000  states of the vCPUs that wait for their turn
 * 0x0010_0000  static data of the compiled core
 * 0x0040_0000  operation tables, software TLBs, jump cache, block hash
 * 0x0100_0000  code pages: one entry for each page of guest RAM
 * 0x0200_0000  arena of decoded blocks
 * 0x0800_0000  guest RAM
 * ```
 */

/** Eight bytes that are always zero: the base or index register that an address does not have. */
export const ZERO = 0x100;

/** Start of what is exchanged when another vCPU takes its turn. */
export const STATE = 0x200;
export const STATE_SIZE = 0x1800;

/** RAX…R15, eight bytes each, in the order of their encoding. */
export const REGS = 0x200;
export const RAX = 0x200;
export const RCX = 0x208;
export const RDX = 0x210;
export const RBX = 0x218;
export const RSP = 0x220;
export const RBP = 0x228;
export const RSI = 0x230;
export const RDI = 0x238;
export const R8 = 0x240;
export const R11 = 0x258;
/** RIP of the next instruction whenever no block runs. */
export const RIP = 0x280;
/** RIP of the running block's first byte: RIP of an instruction is this plus its offset. */
export const BLOCK_RIP = 0x288;

/**
 * Lazy arithmetic flags. RESULT is the last result, sign-extended: ZF, SF and PF come from it. CARRIES holds the
 * carry (or borrow) out of each bit, shifted so that bit 63 is the operand's top: CF is bit 63, OF is bit 63 ^ bit 62.
 * AUX has AF in bit 4; bit 0 inverts SF and bits 8–15 are exclusive-ored into PF's byte, for flags that were loaded
 * and need not fit together. While bits 16–18 are not 0, nothing of this has been computed yet: RESULT and CARRIES hold
 * the operands of a comparison, and the bits are one more than the log2 of its size.
 */
export const FLAG_RESULT = 0x290;
export const FLAG_CARRIES = 0x298;
export const FLAG_AUX = 0x2a0;
/** RFLAGS without CF, PF, AF, ZF, SF, OF. */
export const SYSTEM_FLAGS = 0x2a4;

/** Instructions that may still run before the core looks around; see `exec/loop.ts`. */
export const BUDGET = 0x2a8;
/** What was taken out of BUDGET to make the core look around at once. */
export const BUDGET_HELD = 0x2b0;

/** Segment registers in the order of their encoding, then LDTR and TR. */
export const SEGMENTS = 0x300;
export const SEGMENT_SIZE = 32;
export const SEGMENT_BASE = 0;
/** In bytes, granularity applied. */
export const SEGMENT_LIMIT = 8;
/** Bytes 5 and 6 of the descriptor, the limit's bits zero: type, S, DPL, P, AVL, L, D/B, G. */
export const SEGMENT_ATTRIBUTES = 12;
export const SEGMENT_SELECTOR = 16;
/** 1 when loaded with a null selector. */
export const SEGMENT_UNUSABLE = 20;
export const ES = 0x300;
export const CS = 0x320;
export const SS = 0x340;
export const DS = 0x360;
export const FS = 0x380;
export const GS = 0x3a0;
export const LDTR = 0x3c0;
export const TR = 0x3e0;

export const GDT_BASE = 0x400;
export const GDT_LIMIT = 0x408;
export const IDT_BASE = 0x410;
export const IDT_LIMIT = 0x418;

export const CR0 = 0x420;
export const CR2 = 0x428;
export const CR3 = 0x430;
export const CR4 = 0x438;
export const EFER = 0x440;
export const XCR0 = 0x448;
/** DR0…DR7, eight bytes each; DR4 and DR5 are not used. */
export const DR = 0x450;
export const DR6 = 0x480;
export const DR7 = 0x488;

export const MSR_STAR = 0x490;
export const MSR_LSTAR = 0x498;
export const MSR_CSTAR = 0x4a0;
export const MSR_SFMASK = 0x4a8;
export const MSR_KERNEL_GS_BASE = 0x4b0;
export const MSR_SYSENTER_CS = 0x4b8;
export const MSR_SYSENTER_ESP = 0x4c0;
export const MSR_SYSENTER_EIP = 0x4c8;
export const MSR_TSC_AUX = 0x4d0;
/** Added to the machine's time stamp counter. */
export const TSC_OFFSET = 0x4d8;
export const PKRU = 0x4e0;
export const MXCSR = 0x4e4;

/** Current privilege level. */
export const CPL = 0x4e8;
/** Mode bits, part of each block's key: see `mode.ts`. */
export const MODE = 0x4ec;
/** Tag of TLB entries that the current privilege may use: see `mmu/tlb.ts`. Eight bytes. */
export const CONTEXT = 0x4f0;
/** First of the four contexts of the address space in use: see `mmu/spaces.ts`. */
export const CONTEXT_BASE = 0x4f8;
export const CONTEXT_EPOCH = 0x4fc;

/** 0 runs, 1 in HLT, 2 waits for SIPI, 3 shut down by a triple fault. */
export const ACTIVITY = 0x500;
/** Interrupts are held back for one instruction: after STI, or after MOV SS and POP SS, which hold #DB back, too. */
export const SHADOW = 0x504;
export const SHADOW_STI = 1;
export const SHADOW_STACK = 2;
/** 1: an NMI is being handled; the next waits for IRET. */
export const NMI_BLOCKED = 0x508;
/** Bits of EVENT_*: written by the host's local APIC, read between blocks. */
export const EVENTS = 0x50c;
export const EVENT_INTERRUPT = 1;
export const EVENT_NMI = 2;
export const EVENT_INIT = 4;
export const EVENT_SIPI = 8;
/** Give the turn to the next vCPU. */
export const EVENT_YIELD = 16;

/** An exception on its way: vector + 1, 0 for none. */
export const FAULT = 0x510;
export const FAULT_ERROR = 0x514;
/** 1 when the vector pushes an error code. */
export const FAULT_HAS_ERROR = 0x518;
/** Class of the exception being delivered, for double faults: 0 none, 1 benign, 2 contributory, 3 page fault, 4 double fault. */
export const DELIVERING = 0x51c;
/** Linear address of a page fault: goes to CR2 when it is delivered. */
export const FAULT_ADDRESS = 0x520;
/** The record of the running operation, 0 outside blocks. */
export const CURRENT_OP = 0x528;
/** DR6 bits that the current instruction has earned. */
export const DEBUG_PENDING = 0x52c;
/** Instructions that this vCPU has finished. */
export const INSTRUCTIONS = 0x530;
export const APIC_ID = 0x548;
/** Single step: 1 while a one-instruction block runs whose end raises #DB. */
export const STEPPING = 0x54c;
/** Physical address of the local APIC's page, all ones when it is off or in x2APIC mode. Eight bytes. */
export const APIC_PAGE = 0x550;
/** Rights of the keys of supervisor pages: IA32_PKRS. */
export const PKRS = 0x558;

/** x87 registers by their physical number, 16 bytes each: 64-bit significand, then sign and exponent. */
export const X87 = 0x600;
export const X87_CONTROL = 0x680;
export const X87_STATUS = 0x684;
/** Bit n: physical register n is in use. */
export const X87_TAGS = 0x688;
export const X87_TOP = 0x68c;
export const X87_IP = 0x690;
export const X87_DP = 0x698;
export const X87_OPCODE = 0x6a0;
export const X87_CS = 0x6a4;
export const X87_DS = 0x6a8;

/** Single step of branches: bit 1. Eight bytes. */
export const MSR_DEBUGCTL = 0x6b0;

/** Vector registers: 64 bytes each, of which XMM is the low 16; room for YMM, ZMM and 32 of them. */
export const VECTORS = 0x800;
export const VECTOR_SIZE = 64;
/** A 64-byte temporary of vector operations. */
export const VECTOR_TEMP = 0x1100;
export const CPUID_OUT = 0x1140;
/** Values for and from the host's model-specific registers. */
export const MSR_VALUE = 0x1150;

/** Address spaces whose translations are kept: PCID, first context, range of linear addresses with large pages. */
export const SPACES = 0x1160;
export const SPACE_COUNT = 8;
export const SPACE_SIZE = 24;
export const SPACE_PCID = 0;
export const SPACE_CONTEXTS = 4;
export const SPACE_LARGE_RANGE = 8;
/** Address of the space in use. */
export const CURRENT_SPACE = 0x1220;
/** Number of the space that is given up next. */
export const NEXT_SPACE = 0x1224;
/** First context of the global translations, and the linear addresses that they cover: all of them, large pages. */
export const GLOBAL_CONTEXTS = 0x1228;
export const GLOBAL_RANGE = 0x1230;
export const GLOBAL_LARGE_RANGE = 0x1240;
/** Page-directory-pointer entries of PAE paging, as CR3's last load read them. */
export const PDPTES = 0x1250;

/** Outside a vCPU's state: of the machine. */
export const RAM_SIZE = 0x1b00;
/** Number of the vCPU whose state is at STATE. */
export const CURRENT_VCPU = 0x1b08;
/** How exactly instructions are counted: bits of it. */
export const ICOUNT = 0x1b0c;
/** Turns end after exactly as many instructions as they were given. */
export const ICOUNT_EXACT = 1;
/** Devices are reached from instructions that are alone in their block, so that a turn can be cut right behind them. */
export const ICOUNT_ALONE = 2;
/** 1: the next instruction is to be alone in its block. */
export const ALONE = 0x1b10;

/** What happens off the fast paths, counted always, 64 bits each: translations that no TLB had; exceptions by vector, 32 of them. */
export const TLB_MISSES = 0x1b18;
export const EXCEPTIONS = 0x1b20;

export const VCPU_AREA = 0x1_0000;
export const VCPU_STRIDE = 0x2000;
export const MAX_VCPUS = 64;

/** handler by (operation, form, size): u16. */
export const HANDLERS = 0x40_0000;
/** Cases of the loop by (variant, operation, form, size): u16. */
export const HOT_CASES = 0x45_0000;
/** u32 by (map, opcode, mandatory prefix). */
export const OPCODES = 0x42_0000;
/** u32 by (group, ModRM.reg, memory or register, mandatory prefix). */
export const GROUPS = 0x43_0000;
/** u16 by operation: flags defined (low byte) and used (high byte). */
export const OPERATION_FLAGS = 0x44_0000;

/** Functions of vector operations, u16 by operation: on XMM, on MMX. */
export const VECTOR_FUNCTIONS = 0x44_1000;
export const MMX_FUNCTIONS = 0x44_2000;

export const TLB_ENTRIES = 4096;
export const TLB_READ = 0x50_0000;
export const TLB_WRITE = 0x51_0000;
export const TLB_EXECUTE = 0x52_0000;
export const JUMP_CACHE = 0x4c_0000;
export const JUMP_ENTRIES = 16384;
export const BLOCK_HASH = 0x48_0000;
export const BLOCK_HASH_ENTRIES = 65536;

export const CODE_PAGES = 0x100_0000;
export const CODE_PAGE_SIZE = 16;

export const ARENA = 0x200_0000;
export const ARENA_END = 0x7f0_0000;
/** Scratch page that stands in for RAM where a write must have no effect. */
export const SCRATCH = 0x7f0_0000;

export const RAM = 0x800_0000;
