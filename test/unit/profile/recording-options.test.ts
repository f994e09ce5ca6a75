import { expect, test } from 'vitest';
import { checkRecording, type RecordingOptions } from '../../../src/profile/recording-options.js';

test.each<[string, unknown, string]>([
  ['stacks of a kind that there is not', { stacks: 'most' }, 'stacks must be one of none, sampled, all'],
  ['more samples than code', { samplePeriod: 999 }, 'samplePeriod must be 0 or 1000 to'],
  ['a broken period', { samplePeriod: 1000.5 }, 'samplePeriod must be 0 or 1000 to'],
  ['debug files that are no list', { debugFiles: 'vmlinux' }, 'debugFiles must be a list'],
  ['debug files that are no files', { debugFiles: [1] }, 'debugFiles must be a list'],
])('a recording is refused: %s', (_name, recording, message) => {
  expect(() => checkRecording({ recording: recording as RecordingOptions })).toThrow(message);
});

test('a recording is accepted, with samples where instructions are counted', () => {
  const recording: RecordingOptions = { stacks: 'all', samplePeriod: 1000, debugFiles: ['a', new Uint8Array(1)] };
  expect(() => checkRecording({ recording, accel: 'wasm' })).not.toThrow();
  expect(() => checkRecording({ recording, accel: 'kvm' })).toThrow('KVM does not count instructions');
  expect(() => checkRecording({})).not.toThrow();
}); // prettier-ignore
