import { describe, expect, it } from 'vitest';
import { ConfigError } from '../../../../src/errors.js';
import type { IrqLine } from '../../../../src/vmm/device.js';
import { CustomDevices } from '../../../../src/vmm/machine/custom-devices.js';
import type { CustomDeviceContext, DeviceOption } from '../../../../src/vmm/machine/options.js';
import type { RemoteAccess, ToWorker } from '../../../../src/vmm/machine/protocol.js';
import { RemoteDevice, RemoteReply } from '../../../../src/vmm/machine/remote-device.js';
import { GuestMemory } from '../../../../src/vmm/memory/guest-memory.js';
import { onThread } from '../threads.js';

const ALL_ONES = 0xffff_ffff;

/** A reply that keeps the answers. */
class Answers extends RemoteReply {
  readonly given: number[] = [];

  constructor() {
    super(RemoteReply.allocate());
  }

  override answer(value: number): void {
    super.answer(value);
    this.given.push(value);
  }
}

function devices(...options: DeviceOption[]): { custom: CustomDevices; reply: Answers; posted: ToWorker[] } {
  const reply = new Answers();
  const posted: ToWorker[] = [];
  const custom = new CustomDevices(options, GuestMemory.allocate(2 << 20), reply, message =>
    posted.push(message),
  );
  return { custom, reply, posted };
}

function access(direction: 'read' | 'write', device = 0, value = 0): RemoteAccess {
  return { type: 'remote-access', device, direction, offset: 3, size: 2, value };
}

describe("a caller's devices", () => {
  it('are described to the machine by place, name and interrupt', () => {
    const { custom } = devices(
      { port: 0x500, size: 4, device: {} },
      { module: new URL('file:///device.js'), options: { fast: true } },
      { name: 'latch', address: 0xd000_0000, size: 16, irq: 5, device: {} },
    );
    expect(custom.remote).toEqual([
      { name: 'device0', space: 'port', base: 0x500, size: 4 },
      { name: 'latch', space: 'mmio', base: 0xd000_0000, size: 16, irq: 5 },
    ]);
    expect(custom.modules).toEqual([{ module: 'file:///device.js', options: { fast: true } }]);
  });

  it('have memory and their interrupt', () => {
    let context!: CustomDeviceContext;
    const { custom, posted } = devices(
      { port: 0x500, size: 1, device: {} },
      { port: 0x501, size: 1, irq: 7, device: { attach: given => void (context = given) } },
    );
    custom.attach();
    context.memory.write8(0, 1);
    context.irq.set(true);
    expect(posted).toEqual([{ type: 'irq', gsi: 7, device: 1, level: true }]);
  });

  it('cannot drive an interrupt that they did not ask for', () => {
    let context!: CustomDeviceContext;
    const { custom } = devices({ port: 0x500, size: 1, device: { attach: given => void (context = given) } });
    custom.attach();
    expect(() => context.irq.set(true)).toThrow(ConfigError);
  });
});

describe('an access', () => {
  it('reaches the handler, and its value the guest', async () => {
    const calls: unknown[] = [];
    const { custom, reply } = devices({
      port: 0x500,
      size: 4,
      device: {
        read: (offset, size) => (calls.push(['read', offset, size]), 0x1234),
        write: (offset, size, value) => void calls.push(['write', offset, size, value]),
      },
    });
    await custom.serve(access('read'));
    await custom.serve(access('write', 0, 7));
    expect(calls).toEqual([
      ['read', 3, 2],
      ['write', 3, 2, 7],
    ]);
    expect(reply.given).toEqual([0x1234, ALL_ONES]);
  });

  it('waits for a promise', async () => {
    let finish!: (value: number) => void;
    const { custom, reply } = devices({
      port: 0x500,
      size: 1,
      device: { read: () => new Promise<number>(resolve => (finish = resolve)) },
    });
    const served = custom.serve(access('read'));
    expect(reply.given).toEqual([]);
    finish(9);
    await served;
    expect(reply.given).toEqual([9]);
  });

  it('of a device without such a handler reads all ones', async () => {
    const { custom, reply } = devices({ port: 0x500, size: 1, device: {} });
    await custom.serve(access('read'));
    await custom.serve(access('write'));
    expect(reply.given).toEqual([ALL_ONES, ALL_ONES]);
  });

  it('that makes the handler throw is answered, and the error told', async () => {
    const failing = (): never => {
      throw new RangeError('broken');
    };
    const { custom, reply } = devices(
      { port: 0x500, size: 1, device: { read: failing } },
      { port: 0x501, size: 1, device: { write: () => Promise.reject(new RangeError('broken later')) } },
    );
    await expect(custom.serve(access('read'))).rejects.toThrow('broken');
    await expect(custom.serve(access('write', 1))).rejects.toThrow('broken later');
    expect(reply.given).toEqual([ALL_ONES, ALL_ONES]);
  });
});

describe('at the end of the run', () => {
  it('an access that waits goes on with all ones, and its handler may still answer', async () => {
    let finish!: (value: number) => void;
    const { custom, reply } = devices({
      port: 0x500,
      size: 1,
      device: { read: () => new Promise<number>(resolve => (finish = resolve)) },
    });
    const guest = onThread(reply.buffer, (buffer, { RemoteReply }) => {
      const reply = new RemoteReply(buffer);
      return [reply.ask(() => undefined), reply.ask(() => undefined)];
    });
    const served = custom.serve(access('read'));
    while (new Int32Array(reply.buffer)[0] === 0) await new Promise(resolve => setImmediate(resolve));
    custom.release();
    expect(await guest).toEqual([ALL_ONES, ALL_ONES]);
    finish(9);
    await served;
    expect(reply.ask(() => undefined)).toBe(ALL_ONES);
  });

  it('nothing is asked any more', () => {
    const { custom, reply } = devices();
    custom.release();
    let asked = 0;
    expect(reply.ask(() => asked++)).toBe(ALL_ONES);
    expect(asked).toBe(0);
  });
});

describe('across threads', () => {
  it('each question gets its own answer', async () => {
    const reply = new RemoteReply(RemoteReply.allocate());
    const shared = { reply: reply.buffer, question: new SharedArrayBuffer(8), count: 2000 };
    const wrong = onThread(shared, ({ reply, question, count }, { RemoteReply }) => {
      const asking = new RemoteReply(reply);
      const words = new Int32Array(question);
      let wrong = 0;
      for (let i = 1; i <= count; i++) {
        const answer = asking.ask(() => Atomics.store(words, 0, i));
        if (answer !== 0xffff_ffff - i) wrong++;
      }
      return wrong;
    });
    const question = new Int32Array(shared.question);
    for (let i = 1; i <= shared.count; i++) {
      while (Atomics.load(question, 0) !== i) await new Promise(resolve => setImmediate(resolve));
      reply.answer(0xffff_ffff - i);
    }
    expect(await wrong).toBe(0);
  });
});

describe('the stand-in on the machine worker', () => {
  /** A stand-in whose questions are answered at once. */
  function standIn(answer: number, irq?: IrqLine): { device: RemoteDevice; asked: RemoteAccess[] } {
    const reply = new RemoteReply(RemoteReply.allocate());
    const asked: RemoteAccess[] = [];
    const setup = { name: 'latch', space: 'port', base: 0x500, size: 4 } as const;
    const post = (access: RemoteAccess): void => {
      asked.push(access);
      reply.answer(answer);
    };
    return { device: new RemoteDevice(2, setup, reply, post, irq), asked };
  }

  it('asks for each access, and cuts the answer to its size', () => {
    const { device, asked } = standIn(0xdead_beef);
    expect([device.read(0, 1), device.read(0, 2), device.read(0, 4)]).toEqual([0xef, 0xbeef, 0xdead_beef]);
    device.write(3, 1, 7);
    expect(asked.at(-1)).toEqual({
      type: 'remote-access',
      device: 2,
      direction: 'write',
      offset: 3,
      size: 1,
      value: 7,
    });
    expect(device.ranges).toMatchObject([{ space: 'port', base: 0x500, size: 4 }]);
  });

  it.each([
    [undefined, 0],
    [NaN, 0],
    [-1, ALL_ONES],
    [2 ** 40 + 5, 5],
    [7n, 7],
  ])('makes a number of whatever a handler returned: %s', (answer, value) => {
    expect(standIn(answer as number).device.read(0, 4)).toBe(value);
  });

  it('lowers its interrupt when it is reset or restored', () => {
    const levels: boolean[] = [];
    const { device } = standIn(0, { set: level => levels.push(level) });
    device.reset();
    device.load();
    expect(device.save()).toEqual({});
    expect(levels).toEqual([false, false]);
  });
});
