import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { ACCELERATORS, guestPath } from '../guests/harness.js';
import { MAIN } from './tsvmm.js';

/** Tells, at the end of each thread, which libraries the process has loaded. */
const TELL = `process.on('exit', () => console.error(process.report.getReport().sharedObjects.join('\\n')))`;

/** The libraries of a process in which `tsvmm run` has run a machine. */
async function librariesOf(accel: string): Promise<string> {
  const preload = `data:text/javascript,${encodeURIComponent(TELL)}`;
  const command = ['--import', preload, MAIN, 'run', '--accel', accel, guestPath('hello.elf')];
  const { stderr } = await promisify(execFile)(process.execPath, command);
  return stderr;
}

/** Where there is no KVM, there may be no C library either that koffi could bind. */
test('the software CPU runs without native code', async () => {
  const libraries = await librariesOf('wasm');
  expect(libraries).toContain('libc.so');
  expect(libraries).not.toContain('koffi');
});

test.runIf(ACCELERATORS.includes('kvm'))('KVM needs native code', async () => {
  expect(await librariesOf('kvm')).toContain('koffi');
});
