import { expect, test } from 'vitest';
import { headStart } from '../../src/cli/head-start.js';

const withKvm = (): boolean => true;
const without = (): boolean => false;

test.each([
  ['an accelerator by name', ['run', '--accel', 'wasm', 'k'], withKvm, 'wasm'],
  ['one with an equals sign', ['run', 'k', '--accel=kvm'], without, 'kvm'],
  ['counted instructions', ['run', '--icount', 'k'], withKvm, 'wasm'],
  ['no KVM on the host', ['profile', 'k'], without, 'wasm'],
  ['one that is to be measured', ['run', 'k'], withKvm, undefined],
  ['one that is named auto', ['run', '--accel', 'auto', 'k'], withKvm, undefined],
  ['a device of KVM', ['run', '--kvm-device', '/dev/other', 'k'], without, undefined],
  ['words for the kernel', ['run', 'k', '--', '--accel', 'wasm'], withKvm, undefined],
] as const)('a run starts the thread of its machine: %s', (_, args, hasKvm, accelerator) => {
  expect(headStart(args, hasKvm)).toEqual({ accelerator });
});

test.each([
  [],
  ['--help'],
  ['run', '--help'],
  ['run', '-h'],
  ['inspect', 'run'],
  ['doctor'],
  ['help', 'run'],
])('a command line without a machine starts none: %s %s', (...args) => {
  expect(
    headStart(
      args.filter(arg => arg !== undefined),
      without,
    ),
  ).toBeUndefined();
});
