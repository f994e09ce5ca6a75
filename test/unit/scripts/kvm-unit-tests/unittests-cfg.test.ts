import { expect, test } from 'vitest';
import { needsOf } from '../../../../scripts/kvm-unit-tests/plan.js';
import { shellWords } from '../../../../scripts/kvm-unit-tests/shell-words.js';
import { commandLine, parseUnittestsCfg } from '../../../../scripts/kvm-unit-tests/unittests-cfg.js';

test('a test of unittests.cfg has what is written there, and defaults', () => {
  const text = `
# a comment
[plain]
file = plain.flat

#[off]
#file = off.flat
[full]
file = full.flat
smp = 4
test_args = "-a b"
qemu_params = -cpu max,-pcid,host-phys-bits -m 4g
arch = x86_64
timeout = 30s
groups = one two
check = /sys/x=Y
accel = kvm
`;
  expect(parseUnittestsCfg(text)).toEqual([
    {
      name: 'plain',
      file: 'plain.flat',
      cpus: 1,
      arguments: '',
      parameters: [],
      timeoutSeconds: 90,
      groups: [],
      arch: undefined,
      accel: undefined,
    },
    {
      name: 'full',
      file: 'full.flat',
      cpus: 4,
      arguments: '"-a b"',
      parameters: ['-cpu', 'max,-pcid,host-phys-bits', '-m', '4g'],
      timeoutSeconds: 30,
      groups: ['one', 'two'],
      arch: 'x86_64',
      accel: 'kvm',
    },
  ]);
});

test('a command line is made when it is wanted', () => {
  const [, test] = parseUnittestsCfg('[a]\nfile = a\n[b]\nfile = b\ntest_args = "1 `date +%s`"');
  const before = Math.floor(Date.now() / 1000);
  const [first, seconds] = commandLine(test).split(' ');
  expect(first).toBe('1');
  expect(Number(seconds)).toBeGreaterThanOrEqual(before);
});

test('what is not understood is refused by name', () => {
  expect(() => parseUnittestsCfg('[a]\nnonsense')).toThrow('nonsense');
  expect(() => parseUnittestsCfg('[a]\nsmp = 1')).toThrow('the test a in unittests.cfg has no file');
  expect(() => parseUnittestsCfg('[a]\nfile = a\nsmp = many')).toThrow(
    'smp of the test a is no number: many',
  );
});

test('words are split as a shell does', () => {
  expect(shellWords(`a 'b c' "d e"f  g=''`)).toEqual(['a', 'b c', 'd ef', 'g=']);
  expect(() => shellWords('`reboot`')).toThrow('not known');
  expect(() => shellWords('a "b')).toThrow('open');
});

test('a machine is described apart from QEMU’s own words for it', () => {
  const needs = (...parameters: string[]) =>
    needsOf({ ...parseUnittestsCfg('[a]\nfile = a')[0], parameters });
  expect(needs()).toEqual({ memoryMiB: 128, processor: [], others: [] });
  expect(needs('-cpu', 'qemu64,+pcid,migratable=no', '-m', '2560')).toEqual({
    memoryMiB: 2560,
    processor: ['+pcid'],
    others: [],
  });
  expect(needs('-machine', 'pit=off', '-m', '4g', '-device', 'edu')).toEqual({
    memoryMiB: 4096,
    processor: [],
    others: ['-device edu'],
  });
});
