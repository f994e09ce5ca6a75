import { describe, expect, test } from 'vitest';
import { createMachine, type Machine, type MachineOptions, type RunResult } from 'tsvmm';
import { guestPath, kernelFromEnvironment } from './harness.js';
import { parseGuestOutput } from './protocol.js';

/** 64 ns an instruction: guests that poll a clock are through sooner. */
const COUNTING = { shift: 6 };
const DISTURBANCES = 200;

interface Run {
  readonly text: string;
  readonly result: Omit<RunResult, 'elapsedMs'>;
}

interface RunOptions extends Omit<MachineOptions, 'kernel'> {
  /** Sent before the guest starts. */
  readonly input?: string;
  /** The host stops the guest and looks at it, again and again. */
  readonly disturbed?: true;
}

async function run(kernel: string, { input = '', disturbed, ...options }: RunOptions): Promise<Run> {
  await using machine = await createMachine({ kernel, icount: COUNTING, timeoutMs: 240_000, ...options });
  expect(machine.accelerator.name).toBe('wasm');
  void machine.serial.write(input);
  const running = machine.run();
  if (disturbed) await disturb(machine, running);
  const { elapsedMs, ...result } = await running;
  expect(elapsedMs).toBeGreaterThan(0);
  return { text: machine.serial.text, result };
}

async function disturb(machine: Machine, running: Promise<unknown>): Promise<void> {
  let over = false;
  void running.then(() => (over = true));
  // Not without end: each time costs the host more than the guest gets done in between.
  for (let times = 0; times < DISTURBANCES && !over; times++) {
    await Promise.all([machine.pause(), machine.vcpu(), machine.device('pit')]);
    machine.resume();
  }
}

const SELF_CHECKING = ['hello', 'timers', 'strings', 'probe', 'memory', 'smp', 'exits', 'irqs'];

describe.each([1, 4])('two runs with counted instructions are the same, %i vCPUs', cpus => {
  test.each(SELF_CHECKING)('%s', async program => {
    const kernel = guestPath(`${program}.elf`);
    const first = await run(kernel, { cpus });
    const report = parseGuestOutput(first.text);
    expect(report.succeeded, first.text).toBe(true);
    expect(first.result.instructions).toBeGreaterThan(1000);
    expect(await run(kernel, { cpus, disturbed: true })).toEqual(first);
  });

  test.each([
    // The interrupt handler of the guest takes all that comes, and has room for so much.
    { mode: 'irq', lines: 20 },
    // More than the ring between the threads holds.
    { mode: 'polled', lines: 150 },
  ])('echo, $mode, with input that is there before the guest starts', async ({ mode, lines: count }) => {
    const lines = Array.from({ length: count }, (_, i) => `line ${i} ${'x'.repeat(i % 70)}`);
    const input = `${lines.join('\n')}\nquit\n`;
    const kernel = guestPath('echo.elf');
    const options = { cpus, append: `mode=${mode}`, input };
    const first = await run(kernel, options);
    expect([...first.text.matchAll(/echo: (.*)\n/g)].map(match => match[1])).toEqual(lines);
    expect(await run(kernel, { ...options, disturbed: true })).toEqual(first);
  });
});

test('another length of an instruction gives another run', async () => {
  const [slow, fast] = await Promise.all([
    run(guestPath('irqs.elf'), { icount: { shift: 6 } }),
    run(guestPath('irqs.elf'), { icount: { shift: 7 } }),
  ]);
  expect(slow.result.instructions).not.toBe(fast.result.instructions);
});

test('two runs of Linux are the same', async ({ skip }) => {
  const kernel = kernelFromEnvironment('TSVMM_LINUX_BZIMAGE', 'a Linux bzImage');
  const initrd = kernelFromEnvironment('TSVMM_LINUX_INITRD', 'an initrd that reboots');
  if ('missing' in kernel) return skip(kernel.missing);
  if ('missing' in initrd) return skip(initrd.missing);
  const append = 'console=ttyS0 reboot=k panic=-1';
  const options = { initrd: initrd.path, append, cpus: 2, icount: true };
  const first = await run(kernel.path, options);
  expect(first.result.reason).toBe('reset');
  expect(await run(kernel.path, { ...options, disturbed: true })).toEqual(first);
});

test('a guest that sleeps for ever waits for input, and stops', async () => {
  await using machine = await createMachine({ kernel: guestPath('idle.elf'), icount: true });
  const running = machine.run();
  await machine.serial.waitFor('idle.started');
  await machine.stop();
  expect((await running).reason).toBe('stopped');
});
