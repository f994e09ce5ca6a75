import { readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { ImageDescription } from '../../src/vmm/boot/inspect.js';
import { guestPath } from '../guests/harness.js';
import { temporaryFolder, tsvmm } from './tsvmm.js';

/** The protocol that is taken for each guest, by its name; the others are started by PVH (guests/README.md). */
const CHOSEN: Readonly<Record<string, string>> = {
  'compute-i386.elf': 'multiboot1',
  'hello-multiboot1.elf': 'multiboot1',
  'hello-multiboot2.elf': 'multiboot2',
  // Made for Linux's 64-bit entry, without anything by which a loader could tell: --boot linux-elf.
  'hello-linux64.elf': 'elf',
  'hello-elf64.elf': 'elf',
  'hello-elf32.elf': 'elf',
  'hello.bzimage': 'linux64',
};

const GUESTS = readdirSync(new URL('../../guests/build/', import.meta.url)).filter(name =>
  /\.(elf|bzimage)$/.test(name),
);

describe('inspect', () => {
  test.each(GUESTS)('%s', async name => {
    const path = guestPath(name);
    const [asText, asJson] = await Promise.all([
      tsvmm(['inspect', path]),
      tsvmm(['inspect', '--json', path]),
    ]);
    expect(asText).toMatchObject({ status: 0, stderr: '' });
    expect(asJson).toMatchObject({ status: 0, stderr: '' });

    const description = JSON.parse(asJson.stdout) as ImageDescription;
    const chosen = CHOSEN[name] ?? 'pvh';
    expect(description.chosen).toBe(chosen);
    expect(description.problems).toEqual([]);
    expect(asText.stdout).toMatch(new RegExp(`^ \\* ${chosen} +\\S`, 'm'));
    expect(asText.stdout).toContain(`${description.format}, ${description.size} bytes\n`);
  });

  test('the JSON of an ELF file has its addresses in hexadecimal', async () => {
    const { stdout } = await tsvmm(['inspect', '--json', guestPath('hello.elf')]);
    expect(JSON.parse(stdout)).toMatchObject({
      format: 'ELF',
      elf: {
        class: 64,
        machine: 'x86-64',
        entry: expect.stringMatching(/^0x10[0-9a-f]{4}$/) as string,
        segments: expect.arrayContaining([
          expect.objectContaining({ type: 'LOAD', permissions: 'R-E', physicalAddress: 0x10_0000 }),
        ]) as unknown[],
        notes: [{ owner: 'Xen', type: 0x12, name: 'PHYS32_ENTRY', size: 4 }],
      },
      protocols: expect.arrayContaining([
        { name: 'linux64', title: expect.any(String) as string, refusal: 'this is not a bzImage' },
      ]) as unknown[],
    });
  });

  test.each([
    ['a text', 'Read me.\n', 'unknown, 9 bytes', /It cannot be booted: the file is not a kernel/],
    ['a script', '#!/bin/sh\n', 'script, 10 bytes', /It cannot be booted: this is a script/],
    ['nothing', '', 'empty, 0 bytes', /It cannot be booted: the file is empty/],
  ])('%s: described, and refused', async (_, content, format, refusal) => {
    const path = join(temporaryFolder(), 'file');
    writeFileSync(path, content);
    const [asText, asJson] = await Promise.all([
      tsvmm(['inspect', path]),
      tsvmm(['inspect', '--json', path]),
    ]);
    expect(asText).toMatchObject({ status: 0, stderr: '' });
    expect(asText.stdout.split('\n')[0]).toBe(format);
    expect(asText.stdout).toMatch(refusal);
    const description = JSON.parse(asJson.stdout) as ImageDescription;
    expect(description.chosen).toBeUndefined();
    expect(`It cannot be booted: ${description.refusal}`).toMatch(refusal);
  });
});
