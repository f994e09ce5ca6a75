import { describe, expect, it } from 'vitest';
import { Bus } from '../../../../src/vmm/bus/bus.js';
import { Dispatcher, NO_DEVICES } from '../../../../src/vmm/bus/dispatch.js';
import { eventsOf, ProbeRecorder, type ProbeBatch } from '../../../../src/vmm/bus/probe-batch.js';
import { ProbedDispatcher, type ProbeEvent, type ProbeFilter } from '../../../../src/vmm/bus/probe.js';
import type { BusTarget } from '../../../../src/vmm/device.js';

const UART: BusTarget = {
  read: offset => 0x60 + offset,
  write: () => undefined,
  registerName: (offset, direction) => (offset === 0 ? (direction === 'read' ? 'RBR' : 'THR') : `+${offset}`),
};
const PLAIN: BusTarget = { read: () => 0x1234_5678, write: () => undefined };

/** Two devices and the interrupt controllers, with any number of probes in front. */
class Rig {
  readonly chips: string[] = [];
  readonly dispatcher: Dispatcher;
  vcpu = 0;
  rips = 0;

  constructor() {
    const ports = new Bus('port', 0x1_0000);
    const mmio = new Bus('mmio', 2 ** 52);
    ports.claim('com1', { space: 'port', base: 0x3f8, size: 8, target: UART });
    mmio.claim('ioapic', { space: 'mmio', base: 0xfec0_0000, size: 0x1000, target: PLAIN });
    this.dispatcher = new Dispatcher(ports, mmio, {
      eoi: vector => this.chips.push(`eoi ${vector}`),
      acknowledge: () => {
        this.chips.push('acknowledge');
        return 0x20;
      },
    });
  }

  probe(filter: ProbeFilter, inner = this.dispatcher as ProbedDispatcher | Dispatcher): Probe {
    const batches: ProbeBatch[] = [];
    const recorder: ProbeRecorder = new ProbeRecorder(filter.registers ?? false, () =>
      batches.push(recorder.take()),
    );
    const context = { vcpu: () => this.vcpu, rip: () => 0xffff_8000_0000_0000n + BigInt(++this.rips) };
    const handlers = new ProbedDispatcher(inner, this.dispatcher, filter, context, recorder);
    return {
      handlers,
      batches,
      events: () => {
        if (!recorder.isEmpty) batches.push(recorder.take());
        return batches.flatMap(batch => [...eventsOf(structuredClone(batch))]);
      },
    };
  }
}

interface Probe {
  readonly handlers: ProbedDispatcher;
  readonly batches: ProbeBatch[];
  readonly events: () => ProbeEvent[];
}

/** One access of each kind, to devices and to nobody. */
function drive(handlers: ProbedDispatcher | Dispatcher): number[] {
  handlers.pioWrite(0x3f8, 1, 0x41);
  handlers.mmioWrite(0xfec0_0010, 4, 0x8000_0001);
  handlers.pioWrite(0x80, 1, 7);
  return [handlers.pioRead(0x3f8, 1), handlers.mmioRead(0xfec0_0010, 4), handlers.mmioRead(0xf_0000_0000, 2)];
}

describe('the dispatcher', () => {
  it('sends accesses to their bus and interrupts to the chips', () => {
    const { dispatcher, chips } = new Rig();
    expect(drive(dispatcher)).toEqual([0x60, 0x1234_5678, 0xffff]);
    dispatcher.eoi(0x31);
    expect(dispatcher.acknowledgePic()).toBe(0x20);
    expect(chips).toEqual(['eoi 49', 'acknowledge']);
    expect(dispatcher.ports.misses()).toMatchObject([{ address: 0x80, direction: 'write' }]);
  });

  it('has a stand-in for a machine without devices', () => {
    expect(NO_DEVICES.pioRead(0x60, 4)).toBe(0xffff_ffff);
    expect(NO_DEVICES.mmioRead(0xfec0_0000, 4)).toBe(0xffff_ffff);
    expect(() => {
      NO_DEVICES.pioWrite(0x60, 1, 0);
      NO_DEVICES.mmioWrite(0xfec0_0000, 4, 0);
      NO_DEVICES.eoi(0x31);
    }).not.toThrow();
    expect(NO_DEVICES.acknowledgePic()).toBe(0);
  });
});

describe('a probe', () => {
  it('sees every access with address, size, value and register, and changes none of them', () => {
    const rig = new Rig();
    const { handlers, events } = rig.probe({});
    rig.vcpu = 3;
    expect(drive(handlers)).toEqual([0x60, 0x1234_5678, 0xffff]);
    const common = { vcpu: 3 };
    const port = { ...common, space: 'port' };
    const mmio = { ...common, space: 'mmio' };
    expect(events()).toEqual([
      { ...port, direction: 'write', address: 0x3f8, size: 1, value: 0x41, register: 'com1 THR' },
      {
        ...mmio,
        direction: 'write',
        address: 0xfec0_0010,
        size: 4,
        value: 0x8000_0001,
        register: 'ioapic 0x10',
      },
      { ...port, direction: 'write', address: 0x80, size: 1, value: 7, register: undefined },
      { ...port, direction: 'read', address: 0x3f8, size: 1, value: 0x60, register: 'com1 RBR' },
      {
        ...mmio,
        direction: 'read',
        address: 0xfec0_0010,
        size: 4,
        value: 0x1234_5678,
        register: 'ioapic 0x10',
      },
      { ...mmio, direction: 'read', address: 0xf_0000_0000, size: 2, value: 0xffff, register: undefined },
    ]);
    expect(rig.rips).toBe(0);
  });

  it('leaves interrupts alone', () => {
    const rig = new Rig();
    const { handlers, events } = rig.probe({});
    handlers.eoi(0x31);
    expect(handlers.acknowledgePic()).toBe(0x20);
    expect(rig.chips).toEqual(['eoi 49', 'acknowledge']);
    expect(events()).toEqual([]);
  });

  it.each<[string, ProbeFilter, number[]]>([
    ['one space', { space: 'port' }, [0x3f8, 0x80, 0x3f8]],
    ['a range, both ends included', { range: [0x80, 0x3f8] }, [0x3f8, 0x80, 0x3f8]],
    ['a range of one address', { range: [0x80, 0x80] }, [0x80]],
    ['a device', { device: 'ioapic' }, [0xfec0_0010, 0xfec0_0010]],
    ['a device that is not there', { device: 'hpet' }, []],
    ['a range in the other space', { space: 'mmio', range: [0x80, 0x3f8] }, []],
    ['a device within a range', { device: 'com1', range: [0x3f9, 0x3ff] }, []],
    [
      'all three',
      { space: 'mmio', range: [0xfec0_0000, 0xfec0_0fff], device: 'ioapic' },
      [0xfec0_0010, 0xfec0_0010],
    ],
  ])('sees no more than its filter lets through: %s', (_, filter, addresses) => {
    const { handlers, events } = new Rig().probe(filter);
    drive(handlers);
    expect(events().map(({ address }) => address)).toEqual(addresses);
  });

  it('has RIP with each event where it asked for registers, and asks for it only then', () => {
    const rig = new Rig();
    const { handlers, events } = rig.probe({ registers: true, device: 'com1' });
    drive(handlers);
    expect(events().map(({ rip }) => rip)).toEqual([0xffff_8000_0000_0001n, 0xffff_8000_0000_0002n]);
    expect(rig.rips).toBe(2);
  });

  it('can stand in front of another, and each sees what it wants', () => {
    const rig = new Rig();
    const inner = rig.probe({ space: 'port' });
    const outer = rig.probe({ space: 'mmio', registers: true }, inner.handlers);
    expect(drive(outer.handlers)).toEqual([0x60, 0x1234_5678, 0xffff]);
    expect(inner.events().map(({ space }) => space)).toEqual(['port', 'port', 'port']);
    expect(outer.events().map(({ space }) => space)).toEqual(['mmio', 'mmio', 'mmio']);
  });
});

describe('batches of events', () => {
  it('are handed over when they are full, and lose nothing', () => {
    const { handlers, batches, events } = new Rig().probe({ registers: true });
    for (let i = 0; i < 1300; i++) handlers.pioWrite(0x3f8, 1, i & 0xff);
    expect(batches.length).toBeGreaterThan(1);
    const seen = events();
    expect(seen.map(({ value }) => value)).toEqual(Array.from({ length: 1300 }, (_, i) => i & 0xff));
    expect(seen.map(({ rip }) => Number(rip! & 0xffffn))).toEqual(
      Array.from({ length: 1300 }, (_, i) => i + 1),
    );
    expect(seen.every(({ register }) => register === 'com1 THR')).toBe(true);
  });

  it('keep vCPU numbers, sizes and addresses of any magnitude', () => {
    const rig = new Rig();
    const { handlers, events } = rig.probe({});
    rig.vcpu = 253;
    handlers.mmioWrite(2 ** 52 - 4, 4, 0xffff_ffff);
    handlers.mmioRead(2 ** 52 - 2, 2);
    expect(events()).toMatchObject([
      { space: 'mmio', direction: 'write', address: 2 ** 52 - 4, size: 4, value: 0xffff_ffff, vcpu: 253 },
      { space: 'mmio', direction: 'read', address: 2 ** 52 - 2, size: 2, value: 0xffff, vcpu: 253 },
    ]);
  });

  it('name each register once', () => {
    const { handlers, batches, events } = new Rig().probe({});
    for (let i = 0; i < 50; i++) drive(handlers);
    events();
    expect(batches.flatMap(({ names }) => names)).toEqual(['com1 THR', 'ioapic 0x10', 'com1 RBR']);
  });
});
