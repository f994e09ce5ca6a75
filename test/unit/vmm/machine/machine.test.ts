import { afterEach, describe, expect, it, vi } from 'vitest';
import { ConfigError, ImageError, TsvmmError } from '../../../../src/errors.js';
import { ByteRing } from '../../../../src/vmm/byte-ring.js';
import { Doorbell } from '../../../../src/vmm/doorbell.js';
import { Latch } from '../../../../src/vmm/latch.js';
import { Machine } from '../../../../src/vmm/machine/machine.js';
import type { MachineOptions } from '../../../../src/vmm/machine/options.js';
import { RemoteReply } from '../../../../src/vmm/machine/remote-device.js';
import { SerialWaitError } from '../../../../src/vmm/machine/serial-port.js';
import { RemoteVcpu } from '../../../../src/vmm/machine/vcpu-link.js';
import { CODE, elf, MIB } from '../boot/images.js';
import { onThread } from '../threads.js';
import { FakeHost, vcpuSetup } from './fake-host.js';

/** Word of a link in which the vCPU says whether it is inside the guest. */
const PHASE = 9;
const OUTSIDE = 0;
const INSIDE = 1;

const KERNEL = elf({ segments: [{ paddr: MIB, data: CODE }] });
/** Lies outside the RAM of these machines. */
const TOO_HIGH = elf({ entry: BigInt(1024 * MIB), segments: [{ paddr: 1024 * MIB, data: CODE }] });

async function build(
  options: Partial<MachineOptions> = {},
  host = new FakeHost(),
): Promise<{ machine: Machine; host: FakeHost }> {
  const machine = await Machine.create({ kernel: KERNEL, memory: '4M', boot: 'elf', ...options }, host);
  return { machine, host };
}

/** Lets everything happen that is only waiting for its turn. */
function settle(): Promise<void> {
  return new Promise(resolve => setImmediate(resolve));
}

afterEach(() => vi.useRealTimers());

describe('a machine that is being made', () => {
  it('starts its worker with what it is made of, and does not run', async () => {
    const { machine, host } = await build({ cpus: 3, serialPorts: 2, kvmDevice: '/dev/other' });
    const { setup } = host.worker;
    expect(setup).toMatchObject({ accelerator: 'kvm', kvmDevice: '/dev/other', cpus: 3 });
    expect([setup.serialIn.length, setup.serialOut.length, machine.serialPorts.length]).toEqual([2, 2, 2]);
    expect(machine.bootProtocol.name).toBe('elf');
    expect(host.worker.received).toEqual([]);
  });

  it('is closed again when its kernel cannot be loaded', async () => {
    const host = new FakeHost();
    await expect(Machine.create({ kernel: TOO_HIGH, memory: '4M', boot: 'elf' }, host)).rejects.toThrow(
      ImageError,
    );
    expect(host.worker.types()).toEqual(['close']);
    expect(host.exitActions.size).toBe(0);
  });

  it('tells why its worker could not build it', async () => {
    const host = new FakeHost();
    host.greet = worker => {
      worker.say({
        type: 'crashed',
        error: { name: 'AcceleratorError', code: 'ACCELERATOR', message: 'no KVM' },
      });
      worker.end();
    };
    await expect(build({}, host)).rejects.toMatchObject({ name: 'AcceleratorError', message: 'no KVM' });
    expect(host.exitActions.size).toBe(0);
  });

  it('tells when its worker ended without a word', async () => {
    const host = new FakeHost();
    host.greet = worker => worker.end();
    await expect(build({}, host)).rejects.toMatchObject({ code: 'WORKER' });
  });

  it('starts no thread for a vCPU of a machine that is closed already', async () => {
    const host = new FakeHost();
    host.greet = () => undefined;
    await expect(Machine.create({ kernel: TOO_HIGH, memory: '4M', boot: 'elf' }, host)).rejects.toThrow(
      ImageError,
    );
    host.worker.say({ type: 'ready', vcpus: [vcpuSetup(1)] });
    expect(host.vcpus).toEqual([]);
  });
});

describe('a run', () => {
  it('ends as the worker says', async () => {
    const { machine, host } = await build();
    const run = machine.run();
    host.worker.sayEnded('poweroff');
    expect(await run).toEqual({ reason: 'poweroff', status: 0, exits: 3, elapsedMs: 1.5, unclaimed: [] });
  });

  it('happens once', async () => {
    const { machine, host } = await build();
    const run = machine.run();
    await expect(machine.run()).rejects.toThrow(/the machine is running: each machine runs once/);
    host.worker.sayEnded();
    await run;
    await expect(machine.run()).rejects.toThrow(/the machine is ended/);
    await machine.close();
    await expect(machine.run()).rejects.toThrow(ConfigError);
    expect(host.worker.types().filter(type => type === 'run')).toHaveLength(1);
  });

  it('is not stopped, paused or resumed before it began or after it ended', async () => {
    const { machine, host } = await build();
    await machine.stop();
    await machine.pause();
    machine.resume();
    expect(host.worker.received).toEqual([]);
    const run = machine.run();
    host.worker.sayEnded();
    await run;
    await machine.stop();
    await machine.pause();
    expect(host.worker.types()).toEqual(['run']);
  });

  it('can be stopped by several at once, and the first end counts', async () => {
    const { machine, host } = await build();
    const run = machine.run();
    await Promise.all([machine.stop({ reason: 'matched' }), machine.stop()]);
    expect(await run).toMatchObject({ reason: 'matched' });
    expect(host.worker.received.filter(({ type }) => type === 'end')).toHaveLength(2);
  });

  it('ends when its time is up, and leaves no timer when it ends before', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    const late = await build({ timeoutMs: 5000 });
    const run = late.machine.run();
    vi.advanceTimersByTime(5000);
    expect(await run).toMatchObject({ reason: 'timeout', status: 124 });
    const early = await build({ timeoutMs: 5000 });
    const second = early.machine.run();
    early.host.worker.sayEnded();
    await second;
    expect(vi.getTimerCount()).toBe(0);
  });

  it('ends when the awaited output comes', async () => {
    const { machine, host } = await build({ exitOn: /login: $/ });
    const run = machine.run();
    new ByteRing(host.worker.setup.serialOut[0]).write(Buffer.from('debian login: '));
    host.worker.say({ type: 'output', port: 0 });
    expect(await run).toMatchObject({ reason: 'matched' });
  });

  it('is rejected with what a device threw', async () => {
    const broken = (): never => {
      throw new RangeError('broken device');
    };
    const { machine, host } = await build({ devices: [{ port: 0x500, size: 1, device: { read: broken } }] });
    const run = machine.run();
    host.worker.say({ type: 'remote-access', device: 0, direction: 'read', offset: 0, size: 1, value: 0 });
    await expect(run).rejects.toThrow('broken device');
    expect(host.worker.types()).toContain('end');
    await machine.close();
  });
});

describe('close', () => {
  it('stops the run first, and may be called by several', async () => {
    const { machine, host } = await build();
    const run = machine.run();
    const [first, second] = [machine.close(), machine.close()];
    expect(await run).toMatchObject({ reason: 'stopped' });
    await Promise.all([first, second]);
    await machine.close();
    expect(host.worker.types()).toEqual(['run', 'end', 'close']);
    expect(host.exitActions.size).toBe(0);
  });

  it('is not done before every thread has ended', async () => {
    const host = new FakeHost();
    host.greet = worker => worker.say({ type: 'ready', vcpus: [vcpuSetup(1), vcpuSetup(2)] });
    const { machine } = await build({ cpus: 3 }, host);
    let closed = false;
    const done = machine.close().then(() => (closed = true));
    host.vcpus[0].end();
    await settle();
    expect(closed).toBe(false);
    host.vcpus[1].end();
    await done;
  });

  it('ends the waiting of whoever waits for output, input or an answer', async () => {
    const { machine } = await build();
    const waiting = [
      expect(machine.serial.waitFor('never')).rejects.toThrow(SerialWaitError),
      expect(machine.vcpu()).rejects.toMatchObject({ code: 'CLOSED' }),
      machine.serial.write('x'.repeat(1 << 16)),
    ];
    await machine.close();
    await Promise.all(waiting);
    await expect(machine.claims()).rejects.toMatchObject({ code: 'CLOSED' });
  });

  it('is what `await using` does', async () => {
    const { machine, host } = await build();
    await machine[Symbol.asyncDispose]();
    expect(host.worker.types()).toEqual(['close']);
  });
});

describe('a crash', () => {
  it('of the worker reaches everybody who waits, and whoever comes later', async () => {
    const { machine, host } = await build();
    const run = machine.run();
    const crash = { name: 'TsvmmError', code: 'KVM', message: 'KVM_SET_REGS failed' };
    const waiting = [
      expect(run).rejects.toMatchObject(crash),
      expect(machine.vcpu()).rejects.toMatchObject(crash),
      expect(machine.serial.waitFor('never')).rejects.toThrow(SerialWaitError),
    ];
    host.worker.say({ type: 'crashed', error: crash });
    host.worker.end();
    await Promise.all(waiting);
    await expect(machine.vcpu()).rejects.toMatchObject(crash);
    await machine.stop();
    await machine.close();
  });

  it('of the worker that is an error event of its thread is no different', async () => {
    const { machine, host } = await build();
    const run = machine.run();
    host.worker.end(new RangeError('out of memory'));
    await expect(run).rejects.toThrow('out of memory');
    await machine.close();
  });

  it('of the worker that nobody told of is one all the same', async () => {
    const { machine, host } = await build();
    const run = machine.run();
    host.worker.end();
    await expect(run).rejects.toMatchObject({ code: 'WORKER' });
    await machine.close();
  });

  it('is told once: the first reason stays', async () => {
    const { machine, host } = await build();
    const run = machine.run();
    host.worker.say({ type: 'crashed', error: { name: 'Error', message: 'first' } });
    host.worker.end(new Error('second'));
    await expect(run).rejects.toThrow('first');
    await expect(machine.claims()).rejects.toThrow('first');
    await machine.close();
  });

  describe('with further vCPUs', () => {
    async function smp(): Promise<{ machine: Machine; host: FakeHost; remotes: RemoteVcpu[] }> {
      const host = new FakeHost();
      const setups = [vcpuSetup(1), vcpuSetup(2)];
      host.greet = worker => worker.say({ type: 'ready', vcpus: setups });
      const { machine } = await build({ cpus: 3 }, host);
      const remotes = host.vcpus.map(
        ({ setup }) => new RemoteVcpu(setup.link, new Doorbell(setup.machineDoorbell)),
      );
      for (const remote of remotes) expect(remote.passGate()).toBe(true);
      return { machine, host, remotes };
    }

    it('of one of their threads ends the run, and the worker does not wait for it', async () => {
      const { machine, host } = await smp();
      const run = machine.run();
      const bell = new Doorbell(host.worker.setup.doorbell);
      host.vcpus[1].end(new RangeError('mmap of a vCPU failed'));
      await expect(run).rejects.toThrow('mmap of a vCPU failed');
      await settle();
      expect(host.worker.types()).toContain('end');
      expect(host.vcpus.map(({ setup }) => new Int32Array(setup.link)[PHASE])).toEqual([INSIDE, OUTSIDE]);
      expect(bell.rung).toBe(true);
      host.vcpus[0].end();
      await machine.close();
    });

    it('of the worker stops their threads, which nobody else does', async () => {
      const { machine, host, remotes } = await smp();
      const run = machine.run();
      host.worker.end();
      await expect(run).rejects.toThrow(TsvmmError);
      expect(remotes.map(remote => remote.passGate())).toEqual([false, false]);
      for (const thread of host.vcpus) {
        expect(new Doorbell(thread.setup.doorbell).rung).toBe(true);
        thread.end();
      }
      await machine.close();
    });
  });
});

describe('the end of the process', () => {
  it('stops every thread, whoever hears of it, and waits until they are through', async () => {
    const host = new FakeHost();
    host.greet = worker => worker.say({ type: 'ready', vcpus: [vcpuSetup(1), vcpuSetup(2)] });
    const { machine } = await build({ cpus: 3 }, host);
    void machine.run();
    host.worker.obey = () => undefined;
    const setups = host.vcpus.map(({ setup }) => setup);
    const threads = setups.map(({ link, doorbell, machineDoorbell, done }) =>
      onThread({ link, doorbell, machineDoorbell, done }, (data, { RemoteVcpu, Doorbell, Latch }) => {
        const remote = new RemoteVcpu(data.link, new Doorbell(data.machineDoorbell));
        const bell = new Doorbell(data.doorbell);
        let rounds = 0;
        for (; remote.passGate(); rounds++) {
          bell.wait(Infinity);
          bell.answer();
        }
        new Latch(data.done).open();
        return rounds;
      }),
    );
    while (setups.some(({ link }) => new Int32Array(link)[PHASE] !== INSIDE)) await settle();
    new Latch(host.worker.setup.done).open();
    // No event loop from here on.
    for (const action of host.exitActions) action();
    expect(setups.map(({ done }) => new Int32Array(done)[0])).toEqual([1, 1]);
    expect(host.worker.types()).toEqual(['run', 'close']);
    expect(await Promise.all(threads)).toEqual([1, 1]);
  });

  it('does not let the worker wait for a reader or a device', async () => {
    const { machine, host } = await build({ devices: [{ port: 0x500, size: 1, device: {} }] });
    void machine.run();
    const { serialOut, remoteReply, done } = host.worker.setup;
    const reading = machine.serial.readable.getReader().read();
    await settle();
    const output = new ByteRing(serialOut[0]);
    const block = new Uint8Array(output.space);
    for (let i = 0; i < 3; i++) {
      output.write(block);
      host.worker.say({ type: 'output', port: 0 });
    }
    expect(output.space).toBe(0);
    new Latch(done).open();
    for (const action of host.exitActions) action();
    expect(output.space).toBeGreaterThan(0);
    expect(new RemoteReply(remoteReply).ask(() => undefined)).toBe(0xffff_ffff);
    await reading;
  });

  it('does not wait for threads that have ended', async () => {
    const host = new FakeHost();
    host.greet = worker => worker.say({ type: 'ready', vcpus: [vcpuSetup(1)] });
    const { machine } = await build({ cpus: 2 }, host);
    const run = expect(machine.run()).rejects.toThrow(TsvmmError);
    host.worker.end();
    host.vcpus[0].end();
    await run;
    await settle();
    for (const action of host.exitActions) action();
    expect(new Int32Array(host.worker.setup.done)[0]).toBe(1);
    expect(new Int32Array(host.vcpus[0].setup.done)[0]).toBe(1);
  });
});

describe('questions to the machine', () => {
  it('get their answers, in whatever order these come', async () => {
    const { machine, host } = await build();
    const answers = [machine.device('pit'), machine.device('rtc')];
    const [first, second] = host.worker.received.map(message => (message.type === 'query' ? message.id : -1));
    host.worker.say({ type: 'answer', id: second, value: { name: 'rtc' } });
    host.worker.say({ type: 'answer', id: first, value: { name: 'pit' } });
    expect(await Promise.all(answers)).toEqual([{ name: 'pit' }, { name: 'rtc' }]);
    // Nobody asked this.
    host.worker.say({ type: 'answer', id: 4711, value: 0 });
  });

  it('are refused with their reason', async () => {
    const { machine, host } = await build();
    const answer = expect(machine.vcpu(9)).rejects.toThrow(ConfigError);
    const id = host.worker.received[0].type === 'query' ? host.worker.received[0].id : -1;
    host.worker.say({
      type: 'refusal',
      id,
      error: { name: 'ConfigError', code: 'CONFIG', message: 'there is no vCPU 9' },
    });
    await answer;
  });

  it('that cannot be sent are refused at once, and leave nothing behind', async () => {
    const { machine, host } = await build();
    const unsendable = { activity: () => 'running' } as never;
    await expect(machine.setVcpu(unsendable)).rejects.toThrow(ConfigError);
    expect(host.worker.received).toEqual([]);
    await machine.close();
  });
});
