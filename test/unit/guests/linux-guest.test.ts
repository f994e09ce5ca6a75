import { expect, it } from 'vitest';
import { TROUBLE, parseLinuxReport } from '../../guests/linux-guest.js';

const CONSOLE = [
  '[    0.512] PCI: Fatal: no access',
  'tsvmm-linux: release 6.1.0',
  'tsvmm-linux: processors 4',
  'tsvmm-linux: memory 223032 kB',
  'one',
  'two',
  'tsvmm-linux: status 3',
  'tsvmm-linux: warning [    0.512345] PCI: Fatal: no access',
  'tsvmm-linux: done',
  '',
].join('\r\n');

it('reads what a Linux guest said', () => {
  expect(parseLinuxReport(CONSOLE)).toMatchObject({
    processors: 4,
    output: 'one\ntwo\n',
    status: 3,
    warnings: ['PCI: Fatal: no access'],
    done: true,
  });
});

it('tells a guest that ran no command, or did not come to its end', () => {
  const cut = CONSOLE.slice(0, CONSOLE.indexOf('two'));
  expect(parseLinuxReport(cut)).toMatchObject({ output: '', status: undefined, warnings: [], done: false });
});

it.each([
  '[   32.974335] watchdog: BUG: soft lockup - CPU#0 stuck for 26s! [init:1]',
  '[    3.161632] WARNING: CPU: 0 PID: 1 at arch/x86/kernel/cpu/bugs.c:3524 __warn_thunk+0x2a/0x40',
  '[   21.000000] rcu: INFO: rcu_preempt detected stalls on CPUs/tasks:',
])('knows trouble: %s', line => expect(line).toMatch(TROUBLE));
