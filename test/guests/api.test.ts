import { expect, test, vi } from 'vitest';
import { ConfigError, createMachine, ImageError, type ProbeEvent } from 'tsvmm';
import { IN_QEMU, guestPath, onEachAccelerator } from './harness.js';
import { ENTRY as TINY_KERNEL_ENTRY, exit, out8, tinyKernel } from './tiny-kernel.js';

onEachAccelerator('the machine, as its owner sees it', accel => {
  test('registers and memory of a guest that sleeps', async () => {
    await using machine = await createMachine({ accel, kernel: guestPath('idle.elf') });
    const run = machine.run();
    await machine.serial.waitFor('idle.started');
    await vi.waitUntil(async () => (await machine.vcpu()).activity === 'halted');
    const { registers, system } = await machine.vcpu();
    // The instruction after HLT; the one before it is in the guest's memory, identity mapped.
    expect(machine.memory.read8(Number(registers.rip) - 1)).toBe(0xf4);
    expect(system.efer & 0x400n).toBe(0x400n);
    await machine.stop();
    await run;
  });

  test('registers can be set', async () => {
    await using machine = await createMachine({ accel, kernel: guestPath('idle.elf') });
    const run = machine.run();
    await machine.serial.waitFor('idle.started');
    await vi.waitUntil(async () => (await machine.vcpu()).activity === 'halted');
    const before = await machine.vcpu();
    await machine.setVcpu({ ...before, registers: { ...before.registers, r15: 0x1234_5678_9abc_def0n } });
    const after = await machine.vcpu();
    expect(after.registers).toEqual({ ...before.registers, r15: 0x1234_5678_9abc_def0n });
    expect(after.system).toEqual(before.system);
    await machine.stop();
    await run;
  });

  test('a vCPU goes on where it was, with its state taken out and put in again', async () => {
    const options = { accel, kernel: guestPath('strings.elf'), timeoutMs: 60_000 };
    await using undisturbed = await createMachine(options);
    await undisturbed.run();
    await using machine = await createMachine(options);
    const run = machine.run();
    await machine.serial.waitFor('PASS');
    await machine.pause();
    const state = await machine.vcpu();
    const registers = Object.fromEntries(Object.keys(state.registers).map(name => [name, 2n]));
    const xsave = new Uint8Array(state.extended!.xsave.length);
    await machine.setVcpu({
      registers: registers as typeof state.registers,
      system: { ...state.system, cr2: 0x1234_5000n, cr8: 5n },
      activity: 'running',
      extended: { ...state.extended!, xsave },
    });
    expect((await machine.vcpu()).registers).not.toEqual(state.registers);
    await machine.setVcpu(state);
    machine.resume();
    expect(await run).toMatchObject({ reason: 'exit', status: 0 });
    expect(machine.serial.text).toBe(undisturbed.serial.text);
  });

  test.each(['write16', 'bytes'] as const)(
    'the guest executes what its owner writes over its code: %s',
    async how => {
      const before = out8(0x3f8, 0x41);
      const self = [0xeb, 0xfe];
      const kernel = tinyKernel(before, self, exit(5));
      await using machine = await createMachine({ accel, boot: 'elf', kernel, timeoutMs: 60_000 });
      const run = machine.run();
      await machine.serial.waitFor('A');
      const place = TINY_KERNEL_ENTRY + before.length;
      // QEMU's vCPU threads may go on with what another one has just written over: seen as a guest that loops for ever.
      if (IN_QEMU) await machine.pause();
      if (how === 'write16') machine.memory.write16(place, 0x9090);
      else {
        machine.memory.bytes(place, 2).fill(0x90);
        machine.memory.written(place, 2);
      }
      if (IN_QEMU) machine.resume();
      expect(await run).toMatchObject({ reason: 'exit', code: 5 });
    },
  );

  test('devices and their claims', async () => {
    await using machine = await createMachine({ accel, kernel: guestPath('idle.elf') });
    const run = machine.run();
    await machine.serial.waitFor('idle.started');
    expect(await machine.claims()).toContainEqual({ owner: 'com1', space: 'port', base: 0x3f8, size: 8 });
    expect(await machine.device('com1')).not.toEqual({});
    await expect(machine.device('com9')).rejects.toThrow(ConfigError);
    await machine.stop();
    await run;
  });

  test('a probe sees each access with its register, value and place', async () => {
    await using machine = await createMachine({ accel, kernel: guestPath('hello.elf') });
    const events: ProbeEvent[] = [];
    await machine.probe({ space: 'port', range: [0x3f8, 0x3f8], registers: true }, event =>
      events.push(event),
    );
    await machine.run();
    const sent = events.filter(({ direction }) => direction === 'write').map(({ value }) => value);
    expect(Buffer.from(sent).toString()).toBe(machine.serial.text);
    expect(events[0]).toMatchObject({ register: 'com1 THR', size: 1, vcpu: 0 });
    expect(events[0].rip).toBeGreaterThan(0x10_0000n);
  });

  test('what a probe throws is the error of the run, and the probe is gone', async () => {
    await using machine = await createMachine({ accel, kernel: guestPath('idle.elf'), timeoutMs: 60_000 });
    let calls = 0;
    await machine.probe({ device: 'com1' }, () => {
      calls++;
      throw new Error('the observer has had enough');
    });
    await expect(machine.run()).rejects.toThrow('the observer has had enough');
    expect(calls).toBe(1);
  });

  test('a removed probe sees nothing more', async () => {
    await using machine = await createMachine({ accel, kernel: guestPath('echo.elf'), timeoutMs: 60_000 });
    const seen: ProbeEvent[] = [];
    const remove = await machine.probe({ device: 'com1' }, event => seen.push(event));
    const run = machine.run();
    await machine.serial.waitFor('# ready');
    await remove();
    const before = seen.length;
    expect(before).toBeGreaterThan(0);
    await machine.serial.write('quit\n');
    await run;
    expect(seen.length).toBe(before);
  });

  test('a device of the caller, at a port', async () => {
    const codes: number[] = [];
    await using machine = await createMachine({
      accel,
      kernel: guestPath('probe.elf'),
      devices: [
        {
          port: 0x2f00,
          size: 1,
          device: { read: () => 0x42, write: (_, __, value) => void codes.push(value) },
        },
      ],
    });
    const result = await machine.run();
    expect(codes.length).toBeGreaterThan(0);
    expect(result.unclaimed.some(({ address }) => address === 0x2f00)).toBe(false);
  });

  test('an error in the caller’s device ends the run with it', async () => {
    await using machine = await createMachine({
      accel,
      kernel: guestPath('probe.elf'),
      devices: [
        {
          port: 0x2f00,
          size: 1,
          device: {
            read() {
              throw new RangeError('my device is broken');
            },
          },
        },
      ],
    });
    await expect(machine.run()).rejects.toThrow('my device is broken');
  });

  test('a device module on the machine’s own thread', async () => {
    await using machine = await createMachine({
      accel,
      kernel: guestPath('probe.elf'),
      devices: [
        { module: new URL('../fixtures/latch-device.js', import.meta.url), options: { port: 0x2f00 } },
      ],
    });
    await machine.run();
    expect(await machine.device('latch')).toMatchObject({ value: expect.any(Number) as number });
    expect((await machine.device('latch'))['writes']).toBeGreaterThan(0);
  });

  test('pause stops the guest and its time, resume goes on', async () => {
    await using machine = await createMachine({ accel, kernel: guestPath('echo.elf'), timeoutMs: 60_000 });
    const run = machine.run();
    await machine.serial.waitFor('# ready');
    await machine.pause();
    await machine.serial.write('while paused\n');
    const state = await machine.vcpu();
    expect((await machine.vcpu()).registers).toEqual(state.registers);
    expect(machine.serial.text).not.toContain('echo: while paused');
    machine.resume();
    await machine.serial.waitFor('echo: while paused');
    await machine.serial.write('quit\n');
    expect((await run).status).toBe(0);
  });

  test('what cannot be built says why', async () => {
    const kernel = guestPath('hello.elf');
    await expect(createMachine({ accel, kernel: '/nonexistent' })).rejects.toThrow(ConfigError);
    await expect(createMachine({ accel, kernel: new Uint8Array(100) })).rejects.toThrow(ImageError);
    await expect(createMachine({ accel, kernel, memory: '1K' })).rejects.toThrow(/memory/);
    await expect(createMachine({ accel, kernel, cpus: 0 })).rejects.toThrow(/cpus/);
    const device = { port: 0x3f8, size: 1, device: {} };
    await expect(createMachine({ accel, kernel, devices: [device] })).rejects.toThrow(/com1/);
  });
});
