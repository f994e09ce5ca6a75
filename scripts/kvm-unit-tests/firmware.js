/**
 * What a PC's firmware leaves behind for real-mode code, and tsvmm, which has none, does not: vectors that lead to a
 * handler, PICs with their usual vectors and the timer's interrupt let through, and the timer at 18.2 Hz. It is a
 * program in front of the kernel.
 */

/** Where it goes: below the kernel of realmode, which is linked at 32 KiB. */
const ADDRESS = 0x7000;
/** A kernel that lies below runs in real mode. */
const REAL_MODE_LIMIT = 0x1_0000;

const ELF_HEADER = { CLASS: 4, ENTRY: 24, PHOFF: 28, PHNUM: 44 };
const ELFCLASS32 = 1;
const PROGRAM_HEADER_SIZE = 32;
const PT_LOAD = 1;
const READ_EXECUTE = 5;

/** Ports and what is written to them: Intel 8259A and 8254 data sheets. */
const PORT_WRITES = [
  // Both PICs: edge-triggered, cascaded; vectors 0x08 and 0x70; slave on line 2; 8086 mode.
  ...[
    [0x20, 0x11],
    [0x21, 0x08],
    [0x21, 0x04],
    [0x21, 0x01],
  ],
  ...[
    [0xa0, 0x11],
    [0xa1, 0x70],
    [0xa1, 0x02],
    [0xa1, 0x01],
  ],
  // All masked but the timer and the slave.
  ...[
    [0x21, 0xfa],
    [0xa1, 0xff],
  ],
  // Counter 0: rate generator, 65536.
  ...[
    [0x43, 0x34],
    [0x40, 0x00],
    [0x40, 0x00],
  ],
];

/** `push ax; mov al, 0x20; out 0x20, al; pop ax; iret`, in 16 bits: ends the interrupt. */
const HANDLER = [0x50, 0xb0, 0x20, 0xe6, 0x20, 0x58, 0xcf];

/** @param {number} value */
const word32 = value => [value & 0xff, (value >> 8) & 0xff, (value >> 16) & 0xff, (value >>> 24) & 0xff];

/**
 * The program, in 32 bits: it preserves what the boot loader has left in EAX and EBX.
 *
 * @param {number} entry the kernel's
 */
function program(entry) {
  const code = [
    ...HANDLER,
    ...[0x89, 0xc6], // mov esi, eax
    ...[0x31, 0xff], // xor edi, edi
    ...[0xb8, ...word32(ADDRESS)], // mov eax, the handler at 0:ADDRESS
    ...[0xb9, ...word32(256)], // mov ecx, 256
    ...[0xfc, 0xf3, 0xab], // cld; rep stosd
    ...PORT_WRITES.flatMap(([port, value]) => [0xb0, value, 0xe6, port]), // mov al, value; out port, al
    ...[0x89, 0xf0], // mov eax, esi
  ];
  const end = ADDRESS + code.length + 5;
  return Uint8Array.from([...code, 0xe9, ...word32(entry - end)]); // jmp entry
}

/**
 * Whether a kernel runs in real mode and relies on firmware.
 *
 * @param {Uint8Array} image an ELF file
 */
export function wantsFirmware(image) {
  const view = new DataView(image.buffer, image.byteOffset, image.byteLength);
  return (
    view.getUint8(ELF_HEADER.CLASS) === ELFCLASS32 && view.getUint32(ELF_HEADER.ENTRY, true) < REAL_MODE_LIMIT
  );
}

/**
 * @param {Uint8Array} image a 32-bit ELF file
 * @returns {Uint8Array} the same with one segment more, which is entered first
 */
export function withFirmware(image) {
  const view = new DataView(image.buffer, image.byteOffset, image.byteLength);
  const count = view.getUint16(ELF_HEADER.PHNUM, true);
  const headers = view.getUint32(ELF_HEADER.PHOFF, true);
  const code = program(view.getUint32(ELF_HEADER.ENTRY, true));
  const tableSize = (count + 1) * PROGRAM_HEADER_SIZE;
  const table = (image.length + code.length + 3) & ~3;
  const result = new Uint8Array(table + tableSize);
  result.set(image);
  result.set(code, image.length);
  result.set(image.subarray(headers, headers + count * PROGRAM_HEADER_SIZE), table);
  const out = new DataView(result.buffer);
  out.setUint32(ELF_HEADER.ENTRY, ADDRESS + HANDLER.length, true);
  out.setUint32(ELF_HEADER.PHOFF, table, true);
  out.setUint16(ELF_HEADER.PHNUM, count + 1, true);
  // Type, file offset, virtual and physical address, size in the file and in memory, flags, alignment.
  [PT_LOAD, image.length, ADDRESS, ADDRESS, code.length, code.length, READ_EXECUTE, 1].forEach((value, i) =>
    out.setUint32(table + count * PROGRAM_HEADER_SIZE + 4 * i, value, true),
  );
  return result;
}
