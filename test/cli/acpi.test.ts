import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { tsvmm } from './tsvmm.js';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tsvmm-acpi-'));
});
afterEach(() => rm(folder, { recursive: true }));

describe('tsvmm acpi', () => {
  test('writes the tables of the machine that the options describe', async () => {
    const pc = join(folder, 'new', 'pc');
    expect(await tsvmm(['acpi', '-c', '3', pc])).toMatchObject({ status: 0, stdout: '', stderr: '' });
    expect((await readdir(pc)).sort()).toEqual(
      ['apic', 'dsdt', 'facp', 'facs', 'hpet', 'mcfg', 'rsdp', 'rsdt', 'spcr', 'xsdt'].map(
        name => `${name}.dat`,
      ),
    );
    const dsdt = await readFile(join(pc, 'dsdt.dat'), 'latin1');
    expect(dsdt.slice(0, 4)).toBe('DSDT');
    expect(dsdt.split('ACPI0007').length - 1).toBe(3);

    const microvm = join(folder, 'microvm');
    const args = ['acpi', '-M', 'microvm', '--serial', 'none', '--rng', '--disk', '/no/such/disk', microvm];
    expect(await tsvmm(args)).toMatchObject({ status: 0 });
    expect(await readdir(microvm)).not.toContain('mcfg.dat');
    expect((await readFile(join(microvm, 'dsdt.dat'), 'latin1')).split('LNRO0005').length - 1).toBe(2);
  });

  test.each([
    [['acpi'], /missing required argument 'folder'/],
    [['acpi', '--no-acpi', 'x'], /a machine with --no-acpi has no ACPI tables/],
    [['acpi', '-M', 'q35', 'x'], /--machine is one of pc, microvm, not 'q35'/],
  ])('refuses %j with one line', async (args, message) => {
    const { status, stdout, stderr } = await tsvmm(args);
    expect({ status, stdout }).toEqual({ status: 2, stdout: '' });
    expect(stderr).toMatch(message);
    expect(stderr.trimEnd().split('\n').length).toBeLessThanOrEqual(2);
  });

  test('says why a folder cannot be written', async () => {
    const file = join(folder, 'file');
    await writeFile(file, '');
    const { status, stderr } = await tsvmm(['acpi', join(file, 'below')]);
    expect(status).toBe(2);
    expect(stderr).toMatch(/^tsvmm: the tables cannot be written: .*\n$/);
  });
});
