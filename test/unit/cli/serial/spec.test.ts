import { describe, expect, it } from 'vitest';
import { parseSerialSpecs } from '../../../../src/cli/serial/spec.js';
import { ConfigError } from '../../../../src/errors.js';

describe('--serial', () => {
  it.each([
    ['stdio', { kind: 'stdio' }],
    ['none', { kind: 'none' }],
    ['pty', { kind: 'pty' }],
    ['file:/tmp/com1.log', { kind: 'file', path: '/tmp/com1.log' }],
    ['file:a:b', { kind: 'file', path: 'a:b' }],
    ['unix:com1.sock', { kind: 'unix', path: 'com1.sock' }],
  ])('%s', (text, spec) => {
    expect(parseSerialSpecs([text])).toEqual([spec]);
  });

  it.each([
    '',
    'stdin',
    'STDIO',
    'stdio:',
    'pty:/dev/pts/3',
    'none:x',
    'file',
    'file:',
    'unix:',
    ':',
    ':path',
    'tcp:80',
    'constructor',
  ])('is not %j', text => {
    expect(() => parseSerialSpecs([text])).toThrow(ConfigError);
    expect(() => parseSerialSpecs([text])).toThrow(/write stdio, file:PATH, pty, unix:PATH or none$/);
  });

  it('takes no socket path that the system cannot', () => {
    expect(() => parseSerialSpecs([`unix:${'x'.repeat(107)}`])).not.toThrow();
    expect(() => parseSerialSpecs([`unix:${'x'.repeat(108)}`])).toThrow(
      /at most 107 bytes, this one has 108/,
    );
    // Bytes count, not characters.
    expect(() => parseSerialSpecs([`unix:${'ä'.repeat(54)}`])).toThrow(ConfigError);
  });

  it.each([
    ['five ports', ['none', 'none', 'none', 'none', 'none'], /at most 4 serial ports/],
    [
      'the terminal twice',
      ['stdio', 'stdio'],
      /--serial names stdio twice: only one serial port can have the terminal/,
    ],
    ['a file twice', ['file:a', 'none', 'file:./a'], /names .*a twice/],
    ['a file that is a socket too', ['file:a', 'unix:a'], /names .*a twice/],
  ])('cannot ask for %s', (_, texts, message) => {
    expect(() => parseSerialSpecs(texts)).toThrow(ConfigError);
    expect(() => parseSerialSpecs(texts)).toThrow(message);
  });
});
