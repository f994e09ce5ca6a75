import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync } from 'node:fs';
import { describe, expect, test, vi } from 'vitest';
import {
  AcceleratorError,
  BusConflictError,
  ConfigError,
  createMachine,
  type DeviceOption,
  ImageError,
  SerialWaitError,
  type Machine,
  type MachineOptions,
  type ProbeEvent,
} from 'tsvmm';
import { guestPath, onEachAccelerator, type TestAccelerator } from './harness.js';
import {
  exit,
  FAULT,
  flood,
  FLOOD_BLOCK,
  forever,
  HALT,
  in8,
  ioapic,
  out8,
  randomAccesses,
  store32,
  tinyKernel,
  type Code,
} from './tiny-kernel.js';

/**
 * A machine in every phase of its life, with owners, devices and guests that do what they should not. What is tested
 * in each is that nothing hangs: vitest's time limit is the judge of that.
 */

const COM1 = 0x3f8;
const PORT = 0x500;
/** Bytes of output that wait for whoever reads them. */
const OUTPUT_RING = 64 << 10;
/** Where a flooding guest counts its blocks. */
const BLOCKS = 0x30_0000;

/** A module for the machine's thread, from its text. */
function moduleOf(text: string): URL {
  return new URL(`data:text/javascript,${encodeURIComponent(text)}`);
}

function tiny(
  accel: TestAccelerator,
  code: readonly Code[],
  options: Partial<MachineOptions> = {},
): Promise<Machine> {
  return createMachine({ accel, boot: 'elf', memory: '4M', kernel: tinyKernel(...code), ...options });
}

/** A promise, and how to fulfil it. */
function signal<T = void>(): { readonly promise: Promise<T>; readonly resolve: (value: T) => void } {
  let resolve!: (value: T) => void;
  const promise = new Promise<T>(given => (resolve = given));
  return { promise, resolve };
}

/** A device that tells of the guest's first access and answers only when asked to. */
function stuckDevice(): {
  readonly reached: Promise<void>;
  readonly answer: (value: number) => void;
  readonly device: { read: () => Promise<number> };
} {
  const reached = signal();
  const answered = signal<number>();
  const read = (): Promise<number> => {
    reached.resolve();
    return answered.promise;
  };
  return { reached: reached.promise, answer: answered.resolve, device: { read } };
}

onEachAccelerator('a machine that runs', accel => {
  test('runs once', async () => {
    await using machine = await tiny(accel, [exit(7)]);
    const run = machine.run();
    await expect(machine.run()).rejects.toThrow(ConfigError);
    expect(await run).toMatchObject({ reason: 'exit', code: 7 });
    await expect(machine.run()).rejects.toThrow(/the machine is ended: each machine runs once/);
  });

  test('is not disturbed by stop, pause and resume before it began', async () => {
    await using machine = await tiny(accel, [exit(7)]);
    await machine.stop();
    await machine.pause();
    machine.resume();
    expect(await machine.run()).toMatchObject({ reason: 'exit', code: 7 });
    await machine.stop();
    await machine.pause();
  });

  for (const cpus of [1, 3]) {
    describe(`with ${cpus} CPUs`, () => {
      test('can be closed without having run, by several at once', async () => {
        const machine = await tiny(accel, [HALT], { cpus });
        await Promise.all([machine.close(), machine.close()]);
        await machine.close();
        await expect(machine.run()).rejects.toThrow(ConfigError);
        await expect(machine.vcpu()).rejects.toMatchObject({ code: 'CLOSED' });
      });

      test('is stopped by close, and its run ends as stopped', async () => {
        const machine = await tiny(accel, [forever()], { cpus });
        const run = machine.run();
        await machine.close();
        expect(await run).toMatchObject({ reason: 'stopped' });
      });

      test('is stopped in the middle of its output', async () => {
        const machine = await tiny(accel, [forever(out8(COM1, 0x41))], { cpus });
        const run = machine.run();
        await machine.serial.waitFor('AAAA');
        await Promise.all([machine.stop(), machine.stop(), machine.close()]);
        expect(await run).toMatchObject({ reason: 'stopped' });
      });

      test('answers questions in each phase but the last', async () => {
        const machine = await tiny(accel, [forever(out8(COM1, 0x41))], { cpus });
        expect((await machine.vcpu(cpus - 1)).activity).toBe(cpus === 1 ? 'running' : 'waiting-for-sipi');
        const run = machine.run();
        await machine.serial.waitFor('A');
        expect((await machine.vcpu()).registers.rdx & 0xffffn).toBe(BigInt(COM1));
        await expect(machine.vcpu(cpus)).rejects.toThrow(ConfigError);
        await machine.pause();
        expect((await machine.vcpu()).registers.rdx & 0xffffn).toBe(BigInt(COM1));
        await machine.stop();
        expect((await machine.vcpu(cpus - 1)).registers).toBeDefined();
        expect(await machine.device('com1')).toBeDefined();
        await run;
        const asked = machine.claims().catch((error: unknown) => error);
        await machine.close();
        // Answered or refused, but not forgotten.
        await asked;
        await expect(machine.claims()).rejects.toMatchObject({ code: 'CLOSED' });
      });

      test('stands still while it is paused, and goes on', async () => {
        await using machine = await createMachine({ accel, kernel: guestPath('echo.elf'), cpus });
        const run = machine.run();
        await machine.serial.waitFor('# ready');
        await Promise.all([machine.pause(), machine.pause()]);
        const before = await machine.vcpu();
        await machine.serial.write('one\n');
        const after = await machine.vcpu();
        expect(after.registers).toEqual(before.registers);
        expect(machine.serial.text).not.toContain('one');
        machine.resume();
        machine.resume();
        await machine.serial.waitFor('echo: one');
        for (let i = 0; i < 20; i++) {
          void machine.pause();
          machine.resume();
        }
        await machine.serial.write('quit\n');
        expect(await run).toMatchObject({ reason: 'exit', code: 0 });
      });

      for (const end of ['stop', 'close'] as const) {
        test(`can be ended by ${end} while it is paused`, async () => {
          await using machine = await tiny(accel, [forever()], { cpus });
          const run = machine.run();
          await machine.pause();
          await machine[end]();
          expect(await run).toMatchObject({ reason: 'stopped' });
        });
      }
    });
  }

  test('ends for its time while it is paused', async () => {
    await using machine = await tiny(accel, [forever()], { timeoutMs: 200 });
    const run = machine.run();
    await machine.pause();
    expect(await run).toMatchObject({ reason: 'timeout' });
  });
});

type Refusal = readonly [
  title: string,
  options: Partial<MachineOptions>,
  type: new (...args: never[]) => Error,
  message: RegExp,
];

const NO_KVM_DEVICE: Refusal = [
  'an accelerator that is none',
  { kvmDevice: '/dev/null' },
  AcceleratorError,
  /^\/dev\/null is not a KVM device$/,
];

onEachAccelerator('a machine that cannot be made', accel => {
  const CASES: readonly Refusal[] = [
    ['a kernel that is none', { kernel: new Uint8Array(64) }, ImageError, /./],
    [
      'a device where another is',
      { devices: [{ port: COM1, size: 1, device: {} }] },
      BusConflictError,
      /device0 claims port 0x3f8.*com1/,
    ],
    [
      'a device in RAM',
      { devices: [{ name: 'lost', address: 0x1000, size: 4, device: {} }] },
      BusConflictError,
      /^lost claims mmio 0x1000\+0x4, which is RAM$/,
    ],
    [
      'an interrupt that the board has not',
      { devices: [{ port: PORT, size: 1, irq: 24, device: {} }] },
      ConfigError,
      /^irq must be between 0 and 23, not 24$/,
    ],
    [
      'a module that is not there',
      { devices: [{ module: new URL('file:///nowhere/device.js') }] },
      ConfigError,
      /^cannot load the device module file:\/\/\/nowhere\/device\.js: /,
    ],
    [
      'a module that makes no device',
      { devices: [{ module: moduleOf('export const device = 1;') }] },
      ConfigError,
      /has no default export that makes a device$/,
    ],
    [
      'a module that throws',
      { devices: [{ module: moduleOf('export default () => { throw new RangeError("no latch today"); }') }] },
      Error,
      /^no latch today$/,
    ],
    ...(accel === 'kvm' ? [NO_KVM_DEVICE] : []),
  ];
  for (const [title, options, type, message] of CASES) {
    test(`says why: ${title}`, async () => {
      const all = { accel, kernel: guestPath('hello.elf'), cpus: 2, ...options };
      const made = createMachine(all).then(machine => machine.close());
      await expect(made).rejects.toThrow(type);
      await expect(made).rejects.toThrow(message);
    });
  }
});

onEachAccelerator('an owner that does not do its part', accel => {
  for (const end of ['stop', 'close', 'timeout'] as const) {
    test(`stops reading output: ${end} does not wait for it`, async () => {
      await using machine = await tiny(accel, [flood(BLOCKS)], end === 'timeout' ? { timeoutMs: 1500 } : {});
      const run = machine.run();
      const reader = machine.serial.readable.getReader();
      await reader.read();
      if (end !== 'timeout') {
        // Nobody takes more than this text, so that the guest stands still once it has sent it and filled the ring.
        const written = (): number => machine.memory.read32(BLOCKS) * FLOOD_BLOCK;
        const room = (): number => machine.serial.text.length + OUTPUT_RING - 2 * FLOOD_BLOCK;
        await vi.waitUntil(() => written() > room(), { timeout: 200_000 });
        await machine[end]();
      }
      expect(await run).toMatchObject({ reason: end === 'timeout' ? 'timeout' : 'stopped' });
    });
  }

  for (const cpus of [1, 2]) {
    test(`leaves the guest waiting for a device, with ${cpus} CPUs: stop, close and time do not wait`, async () => {
      for (const end of ['stop', 'close', 'timeout'] as const) {
        const { device, reached, answer } = stuckDevice();
        await using machine = await tiny(accel, [forever(in8(PORT))], {
          cpus,
          devices: [{ port: PORT, size: 1, device }],
          ...(end === 'timeout' && { timeoutMs: 500 }),
        });
        const run = machine.run();
        await reached;
        if (end !== 'timeout') await machine[end]();
        expect(await run).toMatchObject({ reason: end === 'timeout' ? 'timeout' : 'stopped' });
        answer(1);
      }
    });
  }

  test('stops the machine from within a device, and waits for it there', async () => {
    await using machine: Machine = await tiny(accel, [forever(in8(PORT))], {
      devices: [
        {
          port: PORT,
          size: 1,
          device: {
            read: async () => {
              await machine.stop();
              return 0;
            },
          },
        },
      ],
    });
    expect(await machine.run()).toMatchObject({ reason: 'stopped' });
  });

  test('has a device that throws: the run is rejected with that', async () => {
    await using machine = await tiny(accel, [forever(in8(PORT))], {
      cpus: 2,
      devices: [
        { port: PORT, size: 1, device: { read: () => Promise.reject(new RangeError('broken device')) } },
      ],
    });
    await expect(machine.run()).rejects.toThrow('broken device');
  });

  test('takes a probe away twice: others stay', async () => {
    await using machine = await createMachine({ accel, kernel: guestPath('hello.elf') });
    const events: ProbeEvent[] = [];
    const removeFirst = await machine.probe({ device: 'com1' }, () => undefined);
    await machine.probe({ device: 'com1' }, event => events.push(event));
    await removeFirst();
    await removeFirst();
    await machine.run();
    expect(events.length).toBeGreaterThan(0);
  });

  test('asks for what cannot be sent, or sets what cannot be set', async () => {
    await using machine = await tiny(accel, [HALT]);
    const state = await machine.vcpu();
    await expect(machine.setVcpu({ ...state, registers: (() => 0) as never })).rejects.toThrow(ConfigError);
    await expect(machine.setVcpu({} as never)).rejects.toThrow();
    await expect(machine.device('no such device')).rejects.toThrow(ConfigError);
    if (accel === 'kvm') {
      // A reserved bit of CR4.
      const impossible = { ...state, system: { ...state.system, cr4: 1n << 40n } };
      await expect(machine.setVcpu(impossible)).rejects.toMatchObject({ code: 'KVM' });
    }
    await machine.setVcpu(state);
    expect(await machine.run()).toMatchObject({ reason: 'halted' });
  });

  test('has a dozen machines at once, and Node has nothing to warn of', async () => {
    const warnings: Error[] = [];
    const onWarning = (warning: Error): number => warnings.push(warning);
    process.on('warning', onWarning);
    const machines = await Promise.all(Array.from({ length: 12 }, () => tiny(accel, [exit(1)])));
    const results = await Promise.all(machines.map(machine => machine.run()));
    expect(results.map(({ code }) => code)).toEqual(Array(12).fill(1));
    await Promise.all(machines.map(machine => machine.close()));
    process.off('warning', onWarning);
    expect(warnings).toEqual([]);
  });
});

onEachAccelerator('a device of the machine’s own thread that fails', accel => {
  const latch = (read: string): readonly DeviceOption[] => [
    {
      module: moduleOf(`export default () => {
        const target = { read() { ${read} }, write() {} };
        const ranges = [{ space: 'port', base: ${PORT}, size: 1, target }];
        return { name: 'latch', ranges, reset() {}, save() { return {}; }, load() {} };
      }`),
    },
  ];

  for (const [title, read, message] of [
    ['by an error', 'throw new RangeError("the latch is broken")', /^the latch is broken$/],
    ['by ending the thread', 'process.exit(1)', /ended early/],
  ] as const) {
    for (const cpus of [1, 2]) {
      test(`${title}, with ${cpus} CPUs: everybody who waits hears of it`, async () => {
        const machine = await tiny(accel, [in8(PORT), forever()], { cpus, devices: latch(read) });
        const waiting = expect(machine.serial.waitFor('never')).rejects.toThrow(SerialWaitError);
        await expect(machine.run()).rejects.toThrow(message);
        await waiting;
        await expect(machine.vcpu()).rejects.toThrow(message);
        await machine.stop();
        await machine.close();
      });
    }
  }
});

onEachAccelerator('a hostile guest', accel => {
  const LDR = 0xfee0_00d0;
  const SPURIOUS = 0xfee0_00f0;
  /** COM1's interrupt, by its transmitter that is empty: OUT2, then the enable bit. */
  const RAISE_IRQ4 = [out8(COM1 + 4, 8), out8(COM1 + 1, 2)];
  const PIN4 = 0x10 + 2 * 4;

  const INTERRUPTS: readonly (readonly [string, readonly Code[]])[] = [
    ['to a CPU that is not there', [ioapic(PIN4 + 1, 0x0500_0000), ioapic(PIN4, 0x31)]],
    [
      // Two bits in the logical id switch off KVM's map of logical destinations: it then searches, and finds nobody.
      'to a logical destination that nobody has',
      [
        store32(LDR, 0x0300_0000),
        store32(SPURIOUS, 0x1ff),
        ioapic(PIN4 + 1, 0x0400_0000),
        ioapic(PIN4, 0x831),
      ],
    ],
    ['with a vector that is reserved', [ioapic(PIN4, 0x01)]],
    ['of a reserved delivery mode', [ioapic(PIN4, 0x331)]],
    ['as level to everybody', [ioapic(PIN4 + 1, 0xff00_0000), ioapic(PIN4, 0x8031)]],
    ['as SMI', [ioapic(PIN4, 0x200)]],
    ['as ExtINT', [ioapic(PIN4, 0x700)]],
  ];
  for (const [title, code] of INTERRUPTS) {
    test(`sends an interrupt ${title}`, async () => {
      await using machine = await tiny(accel, [...code, ...RAISE_IRQ4, exit(42)], { timeoutMs: 10_000 });
      expect(['exit', 'triple-fault', 'timeout', 'failed']).toContain((await machine.run()).reason);
    });
  }

  test('goes on after an interrupt that nobody takes', async () => {
    await using machine = await tiny(accel, [...INTERRUPTS[1][1], ...RAISE_IRQ4, exit(42)]);
    expect(await machine.run()).toMatchObject({ reason: 'exit', code: 42 });
  });

  for (const place of ['ports', 'mmio'] as const) {
    for (const cpus of [1, 2]) {
      test(`reads and writes ${place} at random, with ${cpus} CPUs`, async () => {
        for (const seed of [1, 2, 3, 4]) {
          await using machine = await createMachine({
            accel,
            cpus,
            boot: 'elf',
            memory: '4M',
            kernel: randomAccesses(place, seed, 400),
            timeoutMs: 10_000,
          });
          const { reason, unclaimed } = await machine.run();
          // However it ended, it is the guest that ended and not tsvmm.
          expect(reason).not.toBe('stopped');
          expect(unclaimed.length).toBeLessThanOrEqual(2 * 1024);
        }
      });
    }
  }

  test('faults thrice: the report says where', async () => {
    await using machine = await tiny(accel, [FAULT]);
    const result = await machine.run();
    expect(['triple-fault', 'failed']).toContain(result.reason);
    expect(result.vcpu).toBe(0);
    expect(Object.keys(result.failure!.details)).toEqual(
      expect.arrayContaining(['rip', 'rsp', 'cr3', 'code']),
    );
  });

  test('runs into the void', async () => {
    // jmp 0xFF000000
    await using machine = await tiny(accel, [[0xb8, 0, 0, 0, 0xff, 0xff, 0xe0]], { timeoutMs: 10_000 });
    expect(['triple-fault', 'failed', 'timeout']).toContain((await machine.run()).reason);
  });
});

onEachAccelerator('what a machine takes from the process', accel => {
  const counts = (): { fds: number; threads: number } => ({
    fds: readdirSync('/proc/self/fd').length,
    threads: readdirSync('/proc/self/task').length,
  });

  /** A thread that has been joined stays listed until the kernel has removed it, then and before. */
  const nothingBeyond = (before: ReturnType<typeof counts>): Promise<void> =>
    vi.waitFor(
      () => {
        const now = counts();
        expect(now.fds).toBeLessThanOrEqual(before.fds);
        expect(now.threads).toBeLessThanOrEqual(before.threads);
      },
      { timeout: 20_000 },
    );

  async function live(i: number): Promise<void> {
    await using machine = await tiny(accel, [exit(i & 0x7f)], { cpus: 1 + (i % 3) });
    if (i % 4 > 0) expect(await machine.run()).toMatchObject({ reason: 'exit' });
  }

  test('is given back when it is closed', async () => {
    for (let i = 0; i < 4; i++) await live(i);
    const before = counts();
    for (let i = 0; i < 12; i++) await live(i);
    await nothingBeyond(before);
  });

  test('is given back when it could not be made', async () => {
    const fail = (): Promise<void> =>
      expect(createMachine({ accel, kernel: new Uint8Array(64), cpus: 2 })).rejects.toThrow(ImageError);
    const refused = (): Promise<void> =>
      expect(tiny(accel, [HALT], { devices: [{ address: 0, size: 1, device: {} }] })).rejects.toThrow(
        BusConflictError,
      );
    await fail();
    await refused();
    const before = counts();
    for (let i = 0; i < 5; i++) {
      await fail();
      await refused();
    }
    await nothingBeyond(before);
  });
});

onEachAccelerator('the end of the process', accel => {
  const KERNEL = JSON.stringify(guestPath('power.elf'));
  const STUCK = JSON.stringify(Array.from(tinyKernel(forever(in8(PORT)))));
  /** Resolves once as many threads as that are inside the guest: ioctl (16) with KVM_RUN. */
  const INSIDE = `
    import { readdirSync, readFileSync } from 'node:fs';
    async function inside(count) {
      const inGuest = thread => {
        const [call, , request] = readFileSync('/proc/self/task/' + thread + '/syscall', 'utf8').split(' ');
        return call === '16' && request === '0xae80';
      };
      while (readdirSync('/proc/self/task').filter(inGuest).length < count) await new Promise(setImmediate);
    }`;

  /** Runs a program that imports tsvmm, to its end. */
  async function run(program: string): Promise<{ status: number | null; errors: string }> {
    const cwd = new URL('../..', import.meta.url);
    const child = spawn(process.execPath, ['--input-type=module', '-e', program], { cwd, timeout: 250_000 });
    let errors = '';
    child.stderr.on('data', data => (errors += String(data)));
    const [status] = (await once(child, 'close')) as [number | null];
    return { status, errors };
  }

  function program(options: string, body: string): string {
    return `${INSIDE}
      import { createMachine } from 'tsvmm';
      const machine = await createMachine({ accel: ${JSON.stringify(accel)}, ${options} });
      ${body}`;
  }

  for (const cpus of [1, 4]) {
    const options = `kernel: ${KERNEL}, append: 'end=hang', cpus: ${cpus}`;
    // Only KVM has a thread for each further CPU.
    const inside = accel === 'kvm' ? cpus - 1 : 0;

    test(`does not wait for a guest that runs on ${cpus} CPUs`, async () => {
      const body = `machine.run(); await machine.serial.waitFor('END'); await inside(${inside}); process.exit(3);`;
      expect(await run(program(options, body))).toEqual({ status: 3, errors: '' });
    });

    test(`does not wait for a guest that has not begun, on ${cpus} CPUs`, async () => {
      expect(await run(program(options, `await inside(${inside}); process.exit(4);`))).toMatchObject({
        status: 4,
      });
    });

    test(`does not wait for a guest that is paused, on ${cpus} CPUs`, async () => {
      const body = 'machine.run(); await machine.pause(); process.exit(5);';
      expect(await run(program(options, body))).toMatchObject({ status: 5 });
    });

    test(`does not wait for a guest that waits for a device, on ${cpus} CPUs`, async () => {
      const stuck = `boot: 'elf', cpus: ${cpus}, kernel: Uint8Array.from(${STUCK}),
        devices: [{ port: ${PORT}, size: 1, device: { read: () => { reached(); return new Promise(() => {}); } } }]`;
      const body = `machine.run(); await inside(${inside}); await started; process.exit(6);`;
      const before = 'let reached; const started = new Promise(resolve => (reached = resolve));';
      expect(await run(before + program(stuck, body))).toMatchObject({ status: 6 });
    });

    test(`comes with an error that nobody caught, on ${cpus} CPUs`, async () => {
      const body = `machine.run(); await inside(${inside}); setImmediate(() => { throw new Error('uncaught'); });`;
      const { status, errors } = await run(program(options, body));
      expect(status).toBe(1);
      expect(errors).toContain('uncaught');
    });
  }

  test('comes while machines are being made', async () => {
    const body = `for (let i = 0; i < 3; i++) createMachine({ kernel: ${KERNEL}, cpus: 2 }).catch(() => undefined);
      setImmediate(() => process.exit(9));`;
    expect(await run(program(`kernel: ${KERNEL}`, body))).toMatchObject({ status: 9 });
  });

  test('comes by itself once every machine is closed', async () => {
    const body = `const run = machine.run(); await machine.serial.waitFor('END'); await machine.close();
      process.exitCode = (await run).reason === 'stopped' ? 7 : 8;`;
    const options = `kernel: ${KERNEL}, append: 'end=hang', cpus: 2`;
    expect(await run(program(options, body))).toEqual({ status: 7, errors: '' });
  });
});
