import { expect, it } from 'vitest';
import { withParameters } from '../../../../src/vmm/boot/command-line.js';

it.each([
  ['', ['a=1'], 'a=1'],
  ['console=ttyS0', ['a=1', 'b=2'], 'console=ttyS0 a=1 b=2'],
  ['console=ttyS0 -- sh -c', ['a=1'], 'console=ttyS0 a=1 -- sh -c'],
  ['--nopci /hello --', ['a=1'], '--nopci /hello -- a=1'],
  ['console=ttyS0', [], 'console=ttyS0'],
])('the command line %j with %j', (commandLine, parameters, expected) => {
  expect(withParameters(commandLine, parameters)).toBe(expected);
});
