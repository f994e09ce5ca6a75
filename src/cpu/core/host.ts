/** What the core calls on its host, in the middle of an instruction. */

// @ts-ignore: decorator
@external("host", "raise")
declare function hostRaise(): void;
/** Leaves every frame of the core; the host calls `execute` again, which delivers what FAULT says. */
export function unwind(): void {
  hostRaise();
  unreachable();
}
@external("host", "pioRead")
export declare function pioRead(port: u32, size: u32): u32;
@external("host", "pioWrite")
export declare function pioWrite(port: u32, size: u32, value: u32): void;
@external("host", "mmioRead")
export declare function mmioRead(gpa: f64, size: u32): u32;
@external("host", "mmioWrite")
export declare function mmioWrite(gpa: f64, size: u32, value: u32): void;
/** The upper half of 8 bytes, at the instant of the lower one. */
@external("host", "mmioReadHigh")
export declare function mmioReadHigh(gpa: f64): u32;
@external("host", "mmioWriteHigh")
export declare function mmioWriteHigh(gpa: f64, value: u32): void;
@external("host", "apicRead")
export declare function apicRead(offset: u32): u32;
@external("host", "apicWrite")
export declare function apicWrite(offset: u32, value: u32): void;
/** CR8, the task priority's upper half. */
@external("host", "readCr8")
export declare function readCr8(): u32;
@external("host", "writeCr8")
export declare function writeCr8(value: u32): void;
/** The vector of the interrupt to take now, −1 when it went away. */
@external("host", "acknowledgeInterrupt")
export declare function acknowledgeInterrupt(): i32;
/** Fills CPUID_OUT with EAX, EBX, ECX, EDX. */
@external("host", "cpuid")
export declare function cpuid(leaf: u32, subleaf: u32): void;
/** The value goes to MSR_VALUE. @returns 0 when there is no such register */
@external("host", "readMsr")
export declare function hostReadMsr(index: u32): u32;
/** The value is in MSR_VALUE. @returns 0 when there is no such register or the value is not allowed */
@external("host", "writeMsr")
export declare function hostWriteMsr(index: u32): u32;
/** The machine's time stamp counter: nanoseconds since power-on. */
@external("host", "readTsc")
export declare function hostTsc(): f64;
/** 32 bits of entropy. */
@external("host", "random")
export declare function random(): u32;
/** VMCALL or VMMCALL: takes its arguments from the registers and leaves the result in RAX. */
@external("host", "hypercall")
export declare function hypercall(): void;
