/**
 * Kernels of a few instructions, for what no program of guests/ does: 32-bit code at 1 MiB in flat segments without
 * paging, as the plain ELF entry leaves the processor.
 */

/** Where the first instruction lies. */
export const ENTRY = 0x10_0000;
const ELF_HEADER = 52;
const PROGRAM_HEADER = 32;

/** Machine code, in the order of its parts. */
export type Code = readonly number[];

/** An ELF file that starts with `code`. */
export function tinyKernel(...code: readonly Code[]): Uint8Array {
  const text = code.flat();
  const start = ELF_HEADER + PROGRAM_HEADER;
  const file = new Uint8Array(start + text.length);
  file.set([0x7f, 0x45, 0x4c, 0x46, 1, 1, 1]);
  file.set([...le16(2), ...le16(3), ...le32(1), ...le32(ENTRY), ...le32(ELF_HEADER)], 16);
  file.set([...le16(ELF_HEADER), ...le16(PROGRAM_HEADER), ...le16(1), ...le16(40)], 40);
  const segment = [1, start, ENTRY, ENTRY, text.length, text.length, 7, 1];
  file.set(segment.flatMap(le32), ELF_HEADER);
  file.set(text, start);
  return file;
}

/** `mov dx, port; mov al, value; out dx, al` */
export function out8(port: number, value: number): Code {
  return [0x66, 0xba, ...le16(port), 0xb0, value, 0xee];
}

/** `mov dx, port; mov eax, value; out dx, eax` */
export function out32(port: number, value: number): Code {
  return [0x66, 0xba, ...le16(port), 0xb8, ...le32(value), 0xef];
}

/** `mov dx, port; in al, dx` */
export function in8(port: number): Code {
  return [0x66, 0xba, ...le16(port), 0xec];
}

/** `mov dword [address], value` */
export function store32(address: number, value: number): Code {
  return [0xc7, 0x05, ...le32(address), ...le32(value)];
}

/** Writes an IOAPIC register. */
export function ioapic(index: number, value: number): Code {
  return [...store32(0xfec0_0000, index), ...store32(0xfec0_0010, value)];
}

/** `code`, again and again. */
export function forever(...code: readonly Code[]): Code {
  const body = code.flat();
  return [...body, 0xe9, ...le32(-(body.length + 5))];
}

/** `cli; hlt` */
export const HALT: Code = [0xfa, 0xf4];
/** `ud2`, without an IDT: a triple fault. */
export const FAULT: Code = [0x0f, 0x0b];

/** Writes `value` to the debug exit port. */
export function exit(value: number): Code {
  return [...out32(0xf4, value), ...forever()];
}

export const FLOOD_BLOCK = 4096;

/** Sends blocks of zeros to COM1 without end, each by one `rep outsb`, and counts them at `counter`. */
export function flood(counter: number): Code {
  const registers = [0xbe, ...le32(0x20_0000), 0xb9, ...le32(FLOOD_BLOCK), 0x66, 0xba, ...le16(0x3f8)];
  const repOutsb = [0xf3, 0x6e];
  const count = [0xff, 0x05, ...le32(counter)];
  return forever(registers, repOutsb, count);
}

export type Place = 'ports' | 'mmio';

/**
 * `count` rounds of writes and reads of all sizes, with random values at random places, then a normal end if none of
 * them ends the run: ports 0 to 0xFFF, or the pages of IOAPIC and local APIC.
 */
export function randomAccesses(place: Place, seed: number, count: number): Uint8Array {
  // ebx is the state of x ← x · 1664525 + 1013904223 (Numerical Recipes), whose upper bits are good enough.
  const next = [0x69, 0xdb, ...le32(1_664_525), 0x81, 0xc3, ...le32(1_013_904_223)];
  // mov eax, ebx
  const value = [...next, 0x89, 0xd8];
  const body = {
    ports: [
      // mov edx, ebx; shr edx, 20
      [...next, 0x89, 0xda, 0xc1, 0xea, 20],
      value,
      // out dx, al / ax / eax; in al / ax / eax, dx
      [0xee, 0x66, 0xef, 0xef, 0xec, 0x66, 0xed, 0xed],
    ],
    mmio: [
      // mov edi, ebx; shr edi, 10; and edi, 0x00200FFF; or edi, 0xFEC00000
      [
        ...next,
        0x89,
        0xdf,
        0xc1,
        0xef,
        10,
        0x81,
        0xe7,
        ...le32(0x0020_0fff),
        0x81,
        0xcf,
        ...le32(0xfec0_0000),
      ],
      value,
      // mov [edi], al / ax / eax; mov al / ax / eax, [edi]
      [0x88, 0x07, 0x66, 0x89, 0x07, 0x89, 0x07, 0x8a, 0x07, 0x66, 0x8b, 0x07, 0x8b, 0x07],
    ],
  }[place].flat();
  // mov ebx, seed; mov ecx, count
  const start = [0xbb, ...le32(seed), 0xb9, ...le32(count)];
  // dec ecx; jnz body
  const again = [0x49, 0x0f, 0x85, ...le32(-(body.length + 7))];
  return tinyKernel(start, body, again, exit(0));
}

function le16(value: number): number[] {
  return [value & 0xff, (value >> 8) & 0xff];
}

function le32(value: number): number[] {
  return [value & 0xff, (value >> 8) & 0xff, (value >> 16) & 0xff, (value >>> 24) & 0xff];
}
