import { describe, expect, it } from 'vitest';
import type { DeviceState } from '../../../../../src/vmm/device.js';
import { TRANSPORTS } from '../transport/drivers.js';
import {
  CONSOLE_PORT,
  CONTROL_RECEIVE,
  CONTROL_TRANSMIT,
  DEVICE_ADD,
  DEVICE_READY,
  DEVICE_REMOVE,
  F_EMERG_WRITE,
  F_MULTIPORT,
  F_SIZE,
  PORT_NAME,
  PORT_OPEN,
  PORT_READY,
  RESIZE,
  Rig,
} from './rig.js';

/** Expected behaviour from virtio 1.3, 5.3. */

const NEEDS_RESET = 64;
const SIZE = { columns: 132, rows: 50 };

const CONSOLE = { kind: 'console', name: '' } as const;
const AGENT = { kind: 'port', name: 'org.example.agent' } as const;

describe.each(Object.entries(TRANSPORTS))('one console, without multiport, by %s', (_, Way) => {
  const start = (): Rig => new Rig([CONSOLE], Way).start(0n);

  it('sends what the driver transmits, and gives the buffer back', () => {
    const rig = start();
    rig.send(1, 'hello, ');
    rig.send(1, 'world');
    expect(rig.line.text).toBe('hello, world');
    expect(rig.drivers[1].collect()).toMatchObject([{ length: 0 }, { length: 0 }]);
    expect(rig.transport.interrupts()).not.toEqual([]);
  });

  it('receives into as many buffers as it takes', () => {
    const rig = start();
    expect(rig.line.opens).toEqual([true]);
    rig.line.type('abcdefg');
    rig.device.receive(rig.port(0));
    rig.offer(0, 4, 3);
    expect(rig.received(0)).toEqual([[...Buffer.from('abcd')], [...Buffer.from('efg')]]);
    rig.transport.interrupts();
    rig.line.type('h');
    rig.device.receive(rig.port(0));
    expect(rig.receivedText(0)).toBe('h');
    expect(rig.transport.interrupts()).toEqual(['queue0']);
  });

  it('writes a character that the driver sends in an emergency, before anything is set up', () => {
    const rig = new Rig([CONSOLE], Way);
    expect(rig.transport.readFeatures() & F_EMERG_WRITE).toBe(F_EMERG_WRITE);
    rig.transport.writeConfig(8, 4, 0x1234_5621);
    rig.transport.writeConfig(8, 1, 0x22);
    expect(rig.line.output).toEqual([0x21, 0x22]);
    expect(rig.transport.readConfig(8, 4)).toBe(0);
  });

  it('tells its size in the configuration space, and of changes, once it is known', () => {
    const rig = new Rig([CONSOLE], Way);
    expect(rig.transport.readFeatures() & F_SIZE).toBe(0n);
    rig.device.resize(rig.port(0), SIZE);
    expect(rig.transport.readFeatures() & F_SIZE).toBe(F_SIZE);
    rig.start(F_SIZE);
    const sizeNow = () => [rig.transport.readConfig(0, 2), rig.transport.readConfig(2, 2)];
    expect(sizeNow()).toEqual([132, 50]);
    expect(rig.transport.interrupts()).toEqual([]);
    rig.device.resize(rig.port(0), { columns: 80, rows: 25 });
    expect(sizeNow()).toEqual([80, 25]);
    expect(rig.transport.interrupts()).toEqual(['config']);
    rig.device.resize(rig.port(0), { columns: 80, rows: 25 });
    expect(rig.transport.interrupts()).toEqual([]);
  });
});

describe.each(Object.entries(TRANSPORTS))('several ports, by %s', (_, Way) => {
  it('are announced, set up, named and opened by control messages', () => {
    const rig = new Rig([CONSOLE, AGENT], Way);
    expect(rig.transport.readFeatures() & F_MULTIPORT).toBe(F_MULTIPORT);
    expect(rig.transport.readConfig(4, 4)).toBe(2);
    rig.device.resize(rig.port(0), SIZE);
    rig.start(F_MULTIPORT);
    rig.offer(CONTROL_RECEIVE, 64, 16);
    expect(rig.messages()).toEqual([]);
    rig.tell(0xffff_ffff, DEVICE_READY, 1);
    expect(rig.messages()).toEqual([
      { id: 0, event: DEVICE_ADD, value: 1, rest: [] },
      { id: 1, event: DEVICE_ADD, value: 1, rest: [] },
    ]);
    rig.tell(0, PORT_READY, 1);
    expect(rig.messages()).toEqual([
      { id: 0, event: CONSOLE_PORT, value: 1, rest: [] },
      { id: 0, event: RESIZE, value: 0, rest: [132, 0, 50, 0] },
      { id: 0, event: PORT_OPEN, value: 1, rest: [] },
    ]);
    rig.tell(1, PORT_READY, 1);
    expect(rig.messages()).toEqual([
      { id: 1, event: PORT_NAME, value: 1, rest: [...Buffer.from(AGENT.name)] },
      { id: 1, event: PORT_OPEN, value: 1, rest: [] },
    ]);
  });

  it('have queues of their own', () => {
    const rig = new Rig([CONSOLE, AGENT, AGENT], Way).startOpen();
    for (const i of [0, 1, 2]) {
      rig.send(rig.transmitQueue(i), `from port ${i}`);
      rig.lines[i].type(`for port ${i}`);
      rig.offer(rig.receiveQueue(i), 32);
    }
    expect(rig.lines.map(line => line.text)).toEqual(['from port 0', 'from port 1', 'from port 2']);
    expect([0, 1, 2].map(i => rig.receivedText(rig.receiveQueue(i)))).toEqual([
      'for port 0',
      'for port 1',
      'for port 2',
    ]);
  });
});

describe('the numbers of ports', () => {
  it('begin at 1 where the first is no console; port 0 has queues all the same', () => {
    const rig = new Rig([AGENT]).start(0n);
    expect(rig.transport.readConfig(4, 4)).toBe(2);
    rig.send(1, 'for nobody');
    rig.transport.writeConfig(8, 4, 0x21);
    expect(rig.drivers[1].collect()).toHaveLength(1);
    expect(rig.line.output).toEqual([]);
    expect(rig.line.opens).toEqual([]);
  });

  it('go up to what the device says', () => {
    const ports = Array.from({ length: 31 }, () => CONSOLE);
    const rig = new Rig(ports);
    expect(rig.transport.readConfig(4, 4)).toBe(31);
    expect(rig.device.queueSizes).toHaveLength(64);
    expect(rig.transport.queueSize(63)).toBe(128);
    expect(rig.transport.queueSize(64)).toBe(0);
  });
});

describe('a port', () => {
  it('gets input only while the guest has it open', () => {
    const rig = new Rig([AGENT]).startOpen();
    rig.offer(rig.receiveQueue(0), 16, 4);
    rig.tell(1, PORT_OPEN, 0);
    rig.line.type('later');
    rig.device.receive(rig.port(0));
    expect(rig.received(rig.receiveQueue(0))).toEqual([]);
    rig.tell(1, PORT_OPEN, 1);
    expect(rig.receivedText(rig.receiveQueue(0))).toBe('later');
    expect(rig.line.opens).toEqual([true, false, true]);
  });

  it('tells the driver who is at its far end', () => {
    const rig = new Rig([AGENT]).startOpen();
    rig.device.setConnected(rig.port(0), false);
    rig.device.setConnected(rig.port(0), false);
    rig.device.setConnected(rig.port(0), true);
    expect(rig.messages().map(({ event, value }) => [event, value])).toEqual([
      [PORT_OPEN, 0],
      [PORT_OPEN, 1],
    ]);
  });

  it('that is set up while nobody is there is not opened', () => {
    const rig = new Rig([AGENT]);
    rig.device.setConnected(rig.port(0), false);
    rig.start(F_MULTIPORT);
    rig.offer(CONTROL_RECEIVE, 64, 8);
    rig.tell(0, DEVICE_READY, 1);
    rig.tell(1, PORT_READY, 1);
    expect(rig.messages().map(({ event }) => event)).toEqual([DEVICE_ADD, PORT_NAME]);
  });

  it('tells a change of its size, if it is a console', () => {
    const rig = new Rig([CONSOLE, AGENT]).startOpen();
    rig.device.resize(rig.port(0), SIZE);
    rig.device.resize(rig.port(1), SIZE);
    expect(rig.messages()).toEqual([{ id: 0, event: RESIZE, value: 0, rest: [132, 0, 50, 0] }]);
  });

  it('can be taken out and plugged in again', () => {
    const rig = new Rig([CONSOLE, AGENT]).startOpen();
    rig.device.setPresent(rig.port(1), false);
    expect(rig.messages()).toEqual([{ id: 1, event: DEVICE_REMOVE, value: 1, rest: [] }]);
    expect(rig.lines[1].opens).toEqual([true, false]);
    rig.send(rig.transmitQueue(1), 'gone');
    expect(rig.lines[1].output).toEqual([]);
    expect(rig.drivers[rig.transmitQueue(1)].collect()).toHaveLength(1);

    rig.device.setPresent(rig.port(1), true);
    expect(rig.messages()).toEqual([{ id: 1, event: DEVICE_ADD, value: 1, rest: [] }]);
    rig.tell(1, PORT_READY, 1);
    expect(rig.messages().map(({ event }) => event)).toEqual([PORT_NAME, PORT_OPEN]);
    rig.send(rig.transmitQueue(1), 'back');
    expect(rig.lines[1].text).toBe('back');
  });

  it('that comes and goes before the driver asks is not mentioned', () => {
    const rig = new Rig([CONSOLE, AGENT]).start(F_MULTIPORT);
    rig.device.setPresent(rig.port(1), false);
    rig.offer(CONTROL_RECEIVE, 64, 8);
    rig.tell(0, DEVICE_READY, 1);
    expect(rig.messages()).toEqual([{ id: 0, event: DEVICE_ADD, value: 1, rest: [] }]);
  });

  it('that goes and comes while no message can be sent is removed, then added', () => {
    const rig = new Rig([CONSOLE, AGENT]).start(F_MULTIPORT);
    rig.offer(CONTROL_RECEIVE, 64, 2);
    rig.tell(0, DEVICE_READY, 1);
    expect(rig.messages()).toHaveLength(2);
    rig.device.setPresent(rig.port(1), false);
    rig.device.setPresent(rig.port(1), true);
    rig.offer(CONTROL_RECEIVE, 64, 8);
    expect(rig.messages().map(({ event }) => event)).toEqual([DEVICE_REMOVE, DEVICE_ADD]);
  });

  it('without multiport is taken out and plugged in without a word', () => {
    const rig = new Rig([CONSOLE]).start(0n);
    rig.device.setPresent(rig.port(0), false);
    rig.send(1, 'gone');
    rig.device.setPresent(rig.port(0), true);
    rig.send(1, 'back');
    expect(rig.line.text).toBe('back');
    expect(rig.line.opens).toEqual([true, false, true]);
  });
});

describe('back pressure', () => {
  it('keeps output in the queue until its far end takes it', () => {
    const rig = new Rig().start(0n);
    rig.line.room = 5;
    rig.send(1, '0123456789');
    rig.send(1, 'abc');
    expect(rig.line.text).toBe('01234');
    expect(rig.drivers[1].collect()).toEqual([]);
    rig.line.room = 7;
    rig.device.transmit(rig.port(0));
    expect(rig.line.text).toBe('0123456789ab');
    expect(rig.drivers[1].collect()).toHaveLength(1);
    rig.line.room = 100;
    rig.device.transmit(rig.port(0));
    expect(rig.line.text).toBe('0123456789abc');
    expect(rig.drivers[1].collect()).toHaveLength(1);
  });

  it('keeps input at the far end until the guest has buffers for it', () => {
    const rig = new Rig().start(0n);
    rig.line.type('x'.repeat(10));
    rig.offer(0, 3, 2);
    expect(rig.receivedText(0)).toBe('xxxxxx');
    expect(rig.line.input).toHaveLength(4);
    rig.offer(0, 3, 2);
    expect(rig.receivedText(0)).toBe('xxxx');
    expect(rig.line.input).toHaveLength(0);
  });

  it('sends a buffer of more than a turn piece by piece', () => {
    const rig = new Rig().start(0n);
    const length = 600 << 10;
    const gpa = rig.allocate(length);
    rig.transport.memory.bytes(gpa, length).fill(0x41);
    const taken = { bytes: 0 };
    rig.line.write = data => {
      taken.bytes += data.length;
      return data.length;
    };
    rig.drivers[1].add({ gpa, length });
    rig.transport.notify(1);
    const turns = [taken.bytes];
    while (taken.bytes < length) {
      rig.transport.elapse();
      turns.push(taken.bytes);
    }
    expect(turns).toEqual([256 << 10, 512 << 10, 600 << 10]);
    expect(rig.drivers[1].collect()).toHaveLength(1);
  });
});

describe('a driver that breaks the rules', () => {
  it.each([
    ['a port that does not exist', 7],
    ['a port far beyond', 0xffff_fffe],
  ])('says things of %s, which mean nothing', (_, id) => {
    const rig = new Rig([CONSOLE, AGENT]).startOpen();
    for (let event = 0; event < 10; event++) {
      if (event !== DEVICE_READY) rig.tell(id, event, 1);
    }
    expect(rig.messages()).toEqual([]);
    expect(rig.transport.status & NEEDS_RESET).toBe(0);
  });

  it('sends messages that are the device’s to send, which mean nothing', () => {
    const rig = new Rig([CONSOLE, AGENT]).startOpen();
    for (const event of [DEVICE_ADD, DEVICE_REMOVE, CONSOLE_PORT, RESIZE, PORT_NAME, 8, 0xffff])
      rig.tell(1, event, 1);
    expect(rig.messages()).toEqual([]);
    rig.send(rig.transmitQueue(1), 'still here');
    expect(rig.lines[1].text).toBe('still here');
  });

  it('says that it is not ready, or that a port is not: nothing more is told', () => {
    const rig = new Rig([CONSOLE]).start(F_MULTIPORT);
    rig.offer(CONTROL_RECEIVE, 64, 8);
    rig.tell(0, DEVICE_READY, 0);
    expect(rig.messages()).toEqual([]);
    rig.tell(0, DEVICE_READY, 1);
    rig.tell(0, PORT_READY, 0);
    expect(rig.messages().map(({ event }) => event)).toEqual([DEVICE_ADD]);
  });

  it('opens and readies ports of which it has not heard', () => {
    const rig = new Rig([CONSOLE, AGENT]).start(F_MULTIPORT);
    rig.offer(CONTROL_RECEIVE, 64, 8);
    rig.tell(1, PORT_READY, 1);
    rig.tell(1, PORT_OPEN, 1);
    expect(rig.messages()).toEqual([]);
    expect(rig.lines[1].opens).toEqual([]);
  });

  it('repeats itself a thousand times and takes no answer: few wait for it', () => {
    const rig = new Rig([CONSOLE, AGENT]).start(F_MULTIPORT);
    rig.offer(CONTROL_RECEIVE, 64, 2);
    for (let i = 0; i < 1000; i++) {
      // One place for all of them: they are read at once.
      const gpa = 0x3f_0000;
      rig.transport.memory
        .bytes(gpa, 8)
        .set([i & 1, 0, 0, 0, i % 3 === 0 ? DEVICE_READY : PORT_READY, 0, 1, 0]);
      rig.drivers[CONTROL_TRANSMIT].add({ gpa, length: 8 });
      rig.transport.notify(CONTROL_TRANSMIT);
      rig.drivers[CONTROL_TRANSMIT].collect();
    }
    expect(rig.messages()).toHaveLength(2);
    rig.offer(CONTROL_RECEIVE, 64, 32);
    expect(rig.messages().map(({ id, event }) => [id, event])).toEqual([
      [0, CONSOLE_PORT],
      [0, PORT_OPEN],
      [1, PORT_NAME],
      [1, PORT_OPEN],
    ]);
  });

  it('gives control buffers that are too small, or empty', () => {
    const rig = new Rig([AGENT]).start(F_MULTIPORT);
    rig.offer(CONTROL_RECEIVE, 4);
    rig.send(CONTROL_TRANSMIT, Uint8Array.of(0, 0, 0, 0, 0, 0, 1));
    rig.send(CONTROL_TRANSMIT, new Uint8Array());
    expect(rig.drivers[CONTROL_TRANSMIT].collect()).toHaveLength(2);
    expect(rig.received(CONTROL_RECEIVE)).toEqual([]);
    rig.tell(0, DEVICE_READY, 1);
    expect(rig.received(CONTROL_RECEIVE)).toEqual([[1, 0, 0, 0]]);
  });

  it('puts buffers of the wrong direction into the data queues', () => {
    const rig = new Rig().start(0n);
    const gpa = rig.allocate(16);
    rig.drivers[0].add({ gpa, length: 16 });
    rig.drivers[1].add({ gpa, length: 16, writable: true });
    rig.line.type('input');
    rig.transport.notify(0);
    rig.transport.notify(1);
    expect(rig.drivers[0].collect()).toMatchObject([{ length: 0 }]);
    expect(rig.drivers[1].collect()).toMatchObject([{ length: 0 }]);
    expect(rig.line.output).toEqual([]);
    rig.offer(0, 16);
    expect(rig.receivedText(0)).toBe('input');
  });

  it('makes a buffer shorter that has gone out in part', () => {
    const rig = new Rig().start(0n);
    rig.line.room = 6;
    const gpa = rig.allocate(16);
    const head = rig.drivers[1].add({ gpa, length: 10 });
    rig.transport.notify(1);
    rig.drivers[1].descriptor(head, { gpa, length: 2 }, 0);
    rig.line.room = 100;
    rig.device.transmit(rig.port(0));
    expect(rig.drivers[1].collect()).toHaveLength(1);
    expect(rig.line.output).toHaveLength(6);
    rig.send(1, 'next');
    expect(rig.line.text.slice(6)).toBe('next');
  });

  it('uses queues of further ports without multiport', () => {
    const rig = new Rig([CONSOLE, AGENT]).start(0n);
    for (let queue = 2; queue < 8; queue++) rig.transport.notify(queue);
    expect(rig.transport.status & NEEDS_RESET).toBe(0);
    expect(rig.lines[1].opens).toEqual([]);
  });
});

describe('reset, saving and restoring', () => {
  it('reset forgets what the driver knows, not who is at the far end', () => {
    const rig = new Rig([CONSOLE, AGENT]).startOpen();
    rig.device.setConnected(rig.port(1), false);
    rig.device.setPresent(rig.port(0), false);
    rig.transport.status = 0;
    expect(rig.lines.map(({ opens }) => opens.at(-1))).toEqual([false, false]);
    rig.start(F_MULTIPORT);
    rig.offer(CONTROL_RECEIVE, 64, 8);
    rig.tell(0, DEVICE_READY, 1);
    rig.tell(1, PORT_READY, 1);
    expect(rig.messages().map(({ id, event }) => [id, event])).toEqual([
      [1, DEVICE_ADD],
      [1, PORT_NAME],
    ]);
  });

  it('goes on where it was, in the middle of a buffer and of control messages', () => {
    const rig = new Rig([CONSOLE, AGENT]).startOpen();
    const { whole } = rig.transport;
    rig.lines[1].room = 4;
    rig.send(rig.transmitQueue(1), '0123456789');
    // The driver's buffers for control messages run out: the last one waits.
    const left = 32 - 6;
    for (let i = 0; i <= left; i++) rig.device.setConnected(rig.port(1), i % 2 === 1);
    const saved = JSON.parse(JSON.stringify(whole.save())) as DeviceState;
    whole.reset();
    rig.lines[1].room = 100;
    whole.load(saved);
    expect(rig.lines[1].text).toBe('0123456789');
    expect(rig.lines[1].opens).toEqual([true, false, true]);
    expect(rig.drivers[rig.transmitQueue(1)].collect()).toHaveLength(1);
    expect(rig.messages()).toHaveLength(left);
    rig.device.resize(rig.port(0), SIZE);
    rig.offer(CONTROL_RECEIVE, 64, 4);
    expect(rig.messages().map(({ id, event }) => [id, event])).toEqual([
      [0, RESIZE],
      [1, PORT_OPEN],
    ]);
  });
});
