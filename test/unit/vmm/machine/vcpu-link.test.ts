import { describe, expect, it } from 'vitest';
import type { ExitHandlers } from '../../../../src/vmm/accelerator.js';
import { NO_DEVICES } from '../../../../src/vmm/bus/dispatch.js';
import { Doorbell } from '../../../../src/vmm/doorbell.js';
import { FurtherVcpus } from '../../../../src/vmm/machine/further-vcpus.js';
import { RemoteVcpu, VcpuLink } from '../../../../src/vmm/machine/vcpu-link.js';
import { PowerSwitch } from '../../../../src/vmm/power-switch.js';
import { onThread } from '../threads.js';

/** Both ends in one thread, for what does not wait. */
function ends(): { link: VcpuLink; remote: RemoteVcpu; machine: Doorbell; vcpu: Doorbell } {
  const machine = new Doorbell(Doorbell.allocate());
  const vcpu = new Doorbell(Doorbell.allocate());
  const buffer = VcpuLink.allocate();
  return { link: new VcpuLink(1, buffer, vcpu), remote: new RemoteVcpu(buffer, machine), machine, vcpu };
}

/** What the threads of a machine share. */
function shared(): { link: SharedArrayBuffer; machine: SharedArrayBuffer; vcpu: SharedArrayBuffer } {
  return { link: VcpuLink.allocate(), machine: Doorbell.allocate(), vcpu: Doorbell.allocate() };
}

/** Waits until the machine's doorbell rings, without holding up this thread's event loop. */
async function rung(buffer: SharedArrayBuffer): Promise<void> {
  const bell = new Doorbell(buffer);
  while (!bell.rung) await new Promise(resolve => setImmediate(resolve));
  bell.answer();
}

/** Serves a link as the machine does, until `done`. */
async function serveUntil(
  link: VcpuLink,
  machine: SharedArrayBuffer,
  handlers: ExitHandlers,
  done: () => boolean,
): Promise<void> {
  for (;;) {
    link.serve(handlers);
    if (done()) return;
    await rung(machine);
  }
}

describe('exits of a vCPU on another thread', () => {
  it('reach the handlers with every bit of address and value, and bring back the answer', async () => {
    const { link: buffer, machine, vcpu } = shared();
    const answers = onThread({ buffer, machine }, ({ buffer, machine }, { RemoteVcpu, Doorbell }) => {
      const remote = new RemoteVcpu(buffer, new Doorbell(machine));
      remote.pioWrite(0xffff, 4, 0xffff_ffff);
      remote.mmioWrite(0xf_fee0_1234, 2, 0xbeef);
      remote.mmioWrite(2 ** 52 - 4, 4, 0x8000_0000);
      remote.eoi(0xef);
      return [remote.pioRead(0x3f8, 1), remote.mmioRead(0xffff_ffff, 4), remote.mmioRead(0xfec0_0000, 4)];
    });
    const calls: unknown[][] = [];
    const record =
      (name: string, answer: number) =>
      (...args: number[]): number => {
        calls.push([name, ...args]);
        return answer;
      };
    const link = new VcpuLink(1, buffer, new Doorbell(vcpu));
    const handlers = {
      pioRead: record('pioRead', 0x5a),
      pioWrite: record('pioWrite', 0),
      mmioRead: record('mmioRead', 0xffff_fffe),
      mmioWrite: record('mmioWrite', 0),
      eoi: record('eoi', 0),
      acknowledgePic: record('acknowledgePic', 0),
    };
    await serveUntil(link, machine, handlers, () => calls.length === 7);
    expect(await answers).toEqual([0x5a, 0xffff_fffe, 0xffff_fffe]);
    expect(calls).toEqual([
      ['pioWrite', 0xffff, 4, 0xffff_ffff],
      ['mmioWrite', 0xf_fee0_1234, 2, 0xbeef],
      ['mmioWrite', 2 ** 52 - 4, 4, 0x8000_0000],
      ['eoi', 0xef],
      ['pioRead', 0x3f8, 1],
      ['mmioRead', 0xffff_ffff, 4],
      ['mmioRead', 0xfec0_0000, 4],
    ]);
  });

  it('of 8 bytes are two accesses at one instant', async () => {
    const { link: buffer, machine, vcpu } = shared();
    const read = onThread({ buffer, machine }, (data, { RemoteVcpu, Doorbell }) => {
      const remote = new RemoteVcpu(data.buffer, new Doorbell(data.machine));
      const halves = new Uint32Array(2);
      remote.mmioWide(0xfed0_00f0, false, halves);
      remote.mmioWide(0xfed0_0108, true, Uint32Array.of(0xffff_fffe, 0x8000_0001));
      return [...halves];
    });
    const link = new VcpuLink(1, buffer, new Doorbell(vcpu));
    const accesses: unknown[][] = [];
    const handlers = {
      ...NO_DEVICES,
      mmioRead: (...access: number[]) => 0xf000_0000 + accesses.push(access),
      mmioWrite: (...access: number[]) => void accesses.push(access),
    };
    const perExit: number[] = [];
    while (perExit.length < 2) {
      if (link.serve(handlers)) perExit.push(accesses.length);
      else await rung(machine);
    }
    expect(perExit).toEqual([2, 4]);
    expect(await read).toEqual([0xf000_0001, 0xf000_0002]);
    expect(accesses).toEqual([
      [0xfed0_00f0, 4],
      [0xfed0_00f4, 4],
      [0xfed0_0108, 4, 0xffff_fffe],
      [0xfed0_010c, 4, 0x8000_0001],
    ]);
  });

  it('are served one by one, however many there are', async () => {
    const { link: buffer, machine, vcpu } = shared();
    const EXITS = 5000;
    const sum = onThread({ buffer, machine, exits: EXITS }, (data, { RemoteVcpu, Doorbell }) => {
      const remote = new RemoteVcpu(data.buffer, new Doorbell(data.machine));
      let sum = 0;
      for (let i = 0; i < data.exits; i++) sum += remote.pioRead(i & 0xffff, 4);
      return sum;
    });
    let served = 0;
    const link = new VcpuLink(1, buffer, new Doorbell(vcpu));
    const handlers = { ...NO_DEVICES, pioRead: (port: number) => (served++, port * 2) };
    await serveUntil(link, machine, handlers, () => served === EXITS);
    expect(await sum).toBe(EXITS * (EXITS - 1));
  });

  it('end with all ones when a device throws, so that the vCPU can come out', async () => {
    const { link: buffer, machine, vcpu } = shared();
    const answer = onThread({ buffer, machine }, (data, { RemoteVcpu, Doorbell }) =>
      new RemoteVcpu(data.buffer, new Doorbell(data.machine)).pioRead(0x500, 4),
    );
    const link = new VcpuLink(1, buffer, new Doorbell(vcpu));
    const broken = {
      ...NO_DEVICES,
      pioRead: () => {
        throw new RangeError('a broken device');
      },
    };
    await expect(serveUntil(link, machine, broken, () => false)).rejects.toThrow('a broken device');
    expect(await answer).toBe(0xffff_ffff);
    expect(link.serve(NO_DEVICES)).toBe(false);
  });

  it('carry RIP while registers are exposed, and do not ask for it otherwise', async () => {
    const { link: buffer, machine, vcpu } = shared();
    const link = new VcpuLink(1, buffer, new Doorbell(vcpu));
    link.exposeRegisters(true);
    const asked = onThread({ buffer, machine }, (data, { RemoteVcpu, Doorbell }) => {
      const remote = new RemoteVcpu(data.buffer, new Doorbell(data.machine));
      let asked = 0;
      remote.rip = () => (asked++, 0xffff_8000_8123_4567n);
      remote.eoi(1);
      remote.eoi(2);
      return asked;
    });
    const rips: bigint[] = [];
    const handlers = {
      ...NO_DEVICES,
      eoi: () => {
        rips.push(link.rip());
        link.exposeRegisters(false);
      },
    };
    await serveUntil(link, machine, handlers, () => rips.length === 2);
    expect(await asked).toBe(1);
    expect(rips[0]).toBe(0xffff_8000_8123_4567n);
  });

  it('never include the interrupt acknowledge cycle, which is for vCPU 0', () => {
    expect(() => ends().remote.acknowledgePic()).toThrow(TypeError);
  });
});

describe('the gate', () => {
  it('lets a vCPU in that nobody stopped, and rings when it goes in and out', () => {
    const { link, remote, machine } = ends();
    expect(link.outside).toBe(true);
    expect(remote.passGate()).toBe(true);
    expect(link.outside).toBe(false);
    expect(machine.rung).toBe(true);
    machine.answer();
    expect(remote.passGate()).toBe(true);
    expect(machine.rung).toBe(false);
    remote.leave();
    expect(link.outside).toBe(true);
    expect(machine.rung).toBe(true);
  });

  it('counts a thread that has not started yet as outside, and stops it before it begins', () => {
    const { link, remote, vcpu } = ends();
    link.park();
    expect(link.outside).toBe(true);
    link.stop();
    expect(vcpu.rung).toBe(true);
    expect(remote.passGate()).toBe(false);
    expect(link.outside).toBe(true);
  });

  it('stays shut for good once the vCPU was stopped', () => {
    const { link, remote } = ends();
    link.stop();
    link.resume();
    expect(remote.passGate()).toBe(false);
    link.park();
    link.resume();
    expect(remote.passGate()).toBe(false);
  });

  it('parks, resumes and stops a vCPU on its thread, and never sees it inside while it is parked', async () => {
    const ROUNDS = 500;
    const data = { ...shared(), entries: new SharedArrayBuffer(8) };
    const rounds = onThread(data, ({ link, machine, vcpu, entries }, { RemoteVcpu, Doorbell }) => {
      const bells = { machine: new Doorbell(machine), vcpu: new Doorbell(vcpu) };
      const remote = new RemoteVcpu(link, bells.machine);
      const words = new Int32Array(entries);
      let rounds = 0;
      for (; remote.passGate(); rounds++) {
        // Inside the guest: until the doorbell kicks it out.
        Atomics.store(words, 0, 1);
        bells.machine.ring();
        bells.vcpu.wait(Infinity);
        bells.vcpu.answer();
        Atomics.store(words, 0, 0);
      }
      return rounds;
    });
    const inside = new Int32Array(data.entries);
    const link = new VcpuLink(1, data.link, new Doorbell(data.vcpu));
    for (let i = 0; i < ROUNDS; i++) {
      // Every other time it is caught wherever it is: at the gate, or already through.
      const caught = i % 2 === 0 ? () => Atomics.load(inside, 0) === 1 : () => !link.outside;
      while (!caught()) await rung(data.machine);
      link.park();
      while (!link.outside) await rung(data.machine);
      expect(Atomics.load(inside, 0)).toBe(0);
      link.resume();
    }
    link.stop();
    while (!link.outside) await rung(data.machine);
    expect(await rounds).toBeGreaterThanOrEqual(ROUNDS / 2);
  });
});

describe('the end of a vCPU', () => {
  it('is told with its reason and details, and rings', () => {
    const { link, remote, machine } = ends();
    expect(link.end).toBeUndefined();
    remote.reportEnd('failed', {
      reason: 'KVM_EXIT_FAIL_ENTRY',
      details: { cpu: 3, code: 0xffn, text: 'ä"\n' },
    });
    expect(link.end).toEqual({
      reason: 'failed',
      failure: { reason: 'KVM_EXIT_FAIL_ENTRY', details: { cpu: '3', code: '255', text: 'ä"\n' } },
    });
    expect(machine.rung).toBe(true);
  });

  it.each(['shutdown', 'debug'] as const)('needs no failure: %s', reason => {
    const { link, remote } = ends();
    remote.reportEnd(reason, undefined);
    expect(link.end).toEqual({ reason });
  });

  it('leaves out details that are too long, and cuts a reason that is', () => {
    const { link, remote } = ends();
    const reason = '\u0001'.repeat(5000);
    remote.reportEnd('failed', { reason, details: { data: 'x'.repeat(5000) } });
    expect(link.end?.failure?.details).toEqual({});
    expect(reason.startsWith(link.end!.failure!.reason)).toBe(true);
  });

  it('lets the thread sleep outside until it is stopped', async () => {
    const data = shared();
    const stopped = onThread(data, ({ link, machine }, { RemoteVcpu, Doorbell }) => {
      const remote = new RemoteVcpu(link, new Doorbell(machine));
      if (!remote.passGate()) return 'never ran';
      remote.reportEnd('shutdown', undefined);
      remote.waitForCommand();
      return remote.passGate() ? 'ran on' : 'stopped';
    });
    const link = new VcpuLink(1, data.link, new Doorbell(data.vcpu));
    while (link.end === undefined || !link.outside) await rung(data.machine);
    link.stop();
    expect(await stopped).toBe('stopped');
  });
});

describe('all further vCPUs together', () => {
  function team(count: number): { further: FurtherVcpus; power: PowerSwitch; machine: Doorbell } {
    const machine = new Doorbell(Doorbell.allocate());
    const vcpus = Array.from({ length: count }, (_, i) => ({
      index: i + 1,
      fd: -1,
      runSize: 0,
      xcrs: true,
      doorbell: Doorbell.allocate(),
    }));
    return {
      further: new FurtherVcpus(vcpus, machine, () => undefined),
      power: new PowerSwitch(() => undefined),
      machine,
    };
  }

  it('are served each in its turn, with who it is', () => {
    const { further, power } = team(3);
    const turns: number[] = [];
    further.serve(NO_DEVICES, power, link => turns.push(link.index));
    expect(turns).toEqual([1, 2, 3]);
    expect(power.end).toBeUndefined();
  });

  it.each([
    [
      'shutdown',
      undefined,
      { reason: 'triple-fault', vcpu: 2, failure: { reason: 'triple-fault', details: {} } },
    ],
    ['debug', undefined, { reason: 'failed', vcpu: 2, failure: { reason: 'debug', details: {} } }],
    [
      'failed',
      { reason: 'KVM_EXIT_UNKNOWN', details: { nr: 1 } },
      { reason: 'failed', vcpu: 2, failure: { reason: 'KVM_EXIT_UNKNOWN', details: { nr: '1' } } },
    ],
  ] as const)('end the run when one of them ends: %s', (reason, failure, end) => {
    const { further, power, machine } = team(3);
    new RemoteVcpu(further.setups[1].link, machine).reportEnd(reason, failure);
    further.serve(NO_DEVICES, power, () => undefined);
    expect(power.end).toEqual(end);
  });

  it('add up their exits', () => {
    const { further, machine } = team(2);
    further.setups.forEach(({ link }, i) => new RemoteVcpu(link, machine).countExits(2 ** 31 + i));
    expect(further.exits).toBe(2 ** 32 + 1);
  });

  it('stop at once where no thread has started', () => {
    const { further, machine } = team(3);
    further.stop();
    expect(further.links.every(link => link.outside)).toBe(true);
    // Whoever rang meanwhile may have left a message.
    expect(machine.rung).toBe(true);
  });

  it.each(['park', 'stop'] as const)(
    '%s: those that wait in an exit get their answer meanwhile',
    async action => {
      const count = 3;
      const data = { machine: Doorbell.allocate(), action, count };
      const buffers = Array.from({ length: count }, () => ({
        link: VcpuLink.allocate(),
        doorbell: Doorbell.allocate(),
      }));
      // The machine's side blocks, so that it has a thread too; its own links stand in for those that it would make.
      const machine = onThread(
        { ...data, buffers },
        ({ machine, action, buffers }, { VcpuLink, Doorbell }) => {
          const bell = new Doorbell(machine);
          const links = buffers.map(
            ({ link, doorbell }, i) => new VcpuLink(i + 1, link, new Doorbell(doorbell)),
          );
          let served = 0;
          const handlers = {
            pioRead: () => ++served,
            pioWrite: () => undefined,
            mmioRead: () => 0,
            mmioWrite: () => undefined,
            eoi: () => undefined,
            acknowledgePic: () => 0,
          };
          const turn = (): void => {
            bell.wait(Infinity);
            bell.answer();
            for (const link of links) link.serve(handlers);
          };
          while (served < 300) turn();
          for (const link of links) link[action]();
          while (!links.every(link => link.outside)) turn();
          if (action === 'park') {
            for (const link of links) link.resume();
            while (served < 600) turn();
            for (const link of links) link.stop();
            while (!links.every(link => link.outside)) turn();
          }
          return served;
        },
      );
      const vcpus = buffers.map(({ link, doorbell }) =>
        onThread(
          { link, doorbell, machine: data.machine },
          ({ link, doorbell, machine }, { RemoteVcpu, Doorbell }) => {
            const remote = new RemoteVcpu(link, new Doorbell(machine));
            const bell = new Doorbell(doorbell);
            let exits = 0;
            while (remote.passGate()) {
              // An exit after another until it is kicked, as a busy guest has them.
              for (; !bell.rung; exits++) remote.pioRead(0x60, 1);
              bell.answer();
            }
            return exits;
          },
        ),
      );
      const served = await machine;
      const exits = await Promise.all(vcpus);
      expect(exits.reduce((sum, count) => sum + count, 0)).toBe(served);
    },
  );
});
