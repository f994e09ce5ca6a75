import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { GuestMemory } from '../../../src/vmm/memory/guest-memory.js';
import { readDebugData } from '../../../src/profile/unwind/debug-data.js';
import { elfFrameEntries, readUnwindData } from '../../../src/profile/unwind/elf-unwind.js';
import { LoadedRules } from '../../../src/profile/unwind/loaded-rules.js';

const FILE = readFileSync(new URL('../../../guests/build/frames.elf', import.meta.url));
const [{ start }] = elfFrameEntries(FILE);

/** Without paging: linear addresses are physical. */
const SYSTEM = { cr0: 1n, cr3: 0n, cr4: 0n, efer: 0n };
const LIST = 0x1000n;

/** A machine in which OSv has loaded these, as its elf::object has them: a path and, further on, where the ELF header is. */
function load(memory: GuestMemory, objects: readonly (readonly [path: string, base: number])[]): void {
  objects.forEach(([path, base], i) => {
    const [object, text] = [0x10_000 + i * 0x1000, 0x11_800 + i * 0x1000];
    memory.write64(0x8000 + i * 8, BigInt(object));
    memory.write(text, Buffer.from(`${path}\0`));
    memory.write64(object + 24, BigInt(text));
    memory.write64(object + 32, BigInt(path.length));
    memory.write64(object + 64, BigInt(base));
    memory.write(base, Buffer.from('\x7fELF'));
  });
  memory.write64(Number(LIST), 0x8000n);
  memory.write64(Number(LIST) + 8, BigInt(0x8000 + objects.length * 8));
}

test('shared objects are left by the rules of their files, at where the guest has loaded them', () => {
  const memory = GuestMemory.allocate(16 << 20);
  const objects = [{ name: 'libx.so.1', size: 0x20_0000, unwind: readUnwindData(FILE) }];
  const rules = new LoadedRules(memory, LIST, objects);
  const found = (address: bigint): boolean => rules.find(address) >= 0;
  // Nothing is known before a vCPU's page tables are.
  expect(found(0x40_0000n + start)).toBe(false);
  rules.system = SYSTEM;
  expect(found(0x40_0000n + start)).toBe(false);

  load(memory, [['/usr/lib/libx.so.1', 0x40_0000]]);
  expect(found(0x40_0000n + start)).toBe(true);
  expect(found(start)).toBe(false);

  // One more is loaded, of which no file was named; then the first one elsewhere.
  load(memory, [['/usr/lib/libx.so.1', 0x40_0000], ['/program', 0x80_0000]]); // prettier-ignore
  expect([found(0x40_0000n + start), found(0x80_0000n + start)]).toEqual([true, false]);
  load(memory, [['/usr/lib/libx.so.1', 0xa0_0000]]);
  expect([found(0x40_0000n + start), found(0xa0_0000n + start)]).toEqual([false, true]);
});

test('a list that cannot be one is none', () => {
  const memory = GuestMemory.allocate(16 << 20);
  const rules = new LoadedRules(memory, LIST, [{ name: 'a', size: 1 << 20, unwind: readUnwindData(FILE) }]);
  rules.system = SYSTEM;
  for (const [begin, end] of [[8n, 0n], [0n, (1n << 64n) - 1n], [1n << 60n, (1n << 60n) + 80n]]) {
    memory.write64(Number(LIST), begin);
    memory.write64(Number(LIST) + 8, end);
    expect(rules.find(start)).toBe(-1);
  }
}); // prettier-ignore

test('files that are loaded anywhere are told from those that are linked where they run', () => {
  const shared = Buffer.from(FILE);
  // e_type (System V ABI, chapter 4): ET_DYN.
  shared.writeUInt16LE(3, 16);
  const data = readDebugData(Buffer.from('no kernel'), [
    { name: 'kernel-debug.elf', bytes: FILE },
    { name: 'libx.so.1', bytes: shared },
    { name: 'System.map', bytes: Buffer.from('ffffffff81c00080 T entry_SYSCALL_64\n') },
  ]);
  expect(data.unwind).toHaveLength(1);
  expect(data.objects.map(({ name, unwind }) => [name, unwind.length])).toEqual([['libx.so.1', 1]]);
  expect(data.systemCallEntry).toBe(0xffff_ffff_81c0_0080n);
  // What the kernel and its debug file have both is read once.
  expect(readDebugData(FILE, [{ name: 'kernel-debug.elf', bytes: FILE }]).unwind).toHaveLength(1);
});
