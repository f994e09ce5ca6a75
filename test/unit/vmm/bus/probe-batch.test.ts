import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Bus } from '../../../../src/vmm/bus/bus.js';
import { eventsOf, ProbeRecorder } from '../../../../src/vmm/bus/probe-batch.js';
import { ProbedDispatcher, type ProbeEvent, type ProbeFilter } from '../../../../src/vmm/bus/probe.js';
import type { ExitHandlers } from '../../../../src/vmm/accelerator.js';
import type { AccessSize, BusTarget } from '../../../../src/vmm/device.js';

const MMIO_BASE = 0xfec0_0000;
const UNCLAIMED_PORT = 0x200;

/** A device whose only register names itself by what was done to it. */
const named: BusTarget = {
  read: () => 0xffff_fffe,
  write: () => undefined,
  registerName: (offset, direction) => `${direction === 'read' ? 'RBR' : 'THR'}${offset}`,
};
const nameless: BusTarget = { read: () => 7, write: () => undefined };

/** The buses behind a probe, as the accelerator calls them, and everything that the probe saw. */
function probed(filter: ProbeFilter = {}) {
  const ports = new Bus('port', 0x1_0000);
  const mmio = new Bus('mmio', 2 ** 52);
  ports.claim('com1', { space: 'port', base: 0x3f8, size: 8, target: named });
  mmio.claim('ioapic', { space: 'mmio', base: MMIO_BASE, size: 0x1000, target: nameless });
  const buses: ExitHandlers = {
    pioRead: (port, size) => ports.read(port, size),
    pioWrite: (port, size, value) => ports.write(port, size, value),
    mmioRead: (gpa, size) => mmio.read(gpa, size),
    mmioWrite: (gpa, size, value) => mmio.write(gpa, size, value),
    eoi: () => undefined,
    acknowledgePic: () => 0,
  };
  const executing = { vcpu: 0, rip: 0n };
  const batches: number[] = [];
  const events: ProbeEvent[] = [];
  const flush = (): void => {
    const batch = recorder.take();
    // What a message between threads does to it.
    const received = [...eventsOf(structuredClone(batch))];
    batches.push(received.length);
    events.push(...received);
  };
  const recorder = new ProbeRecorder(filter.registers ?? false, flush);
  const guest = new ProbedDispatcher(
    buses,
    { ports, mmio },
    filter,
    { vcpu: () => executing.vcpu, rip: () => executing.rip },
    recorder,
  );
  return { guest, executing, recorder, batches, flush, events };
}

describe('events of a probe on their way between threads', () => {
  it('tell of a port read what the guest read', () => {
    const { guest, flush, events } = probed();
    guest.pioRead(0x3f8, 4);
    flush();
    expect(events).toEqual([
      {
        space: 'port',
        direction: 'read',
        address: 0x3f8,
        size: 4,
        value: 0xffff_fffe,
        register: 'com1 RBR0',
        vcpu: 0,
      },
    ]);
  });

  it('name a register by its offset where the device has no names', () => {
    const { guest, flush, events } = probed();
    guest.mmioWrite(MMIO_BASE + 0x10, 2, 0xabcd);
    flush();
    expect(events).toMatchObject([
      {
        space: 'mmio',
        direction: 'write',
        address: MMIO_BASE + 0x10,
        value: 0xabcd,
        register: 'ioapic 0x10',
      },
    ]);
  });

  it('have no register where nobody claims the address', () => {
    const { guest, flush, events } = probed();
    guest.pioRead(UNCLAIMED_PORT, 1);
    flush();
    expect(events).toMatchObject([{ address: UNCLAIMED_PORT, value: 0xff, register: undefined }]);
  });

  it('carry RIP only for a probe that asked for registers', () => {
    const rip = 0xffff_ffff_8100_0000n;
    for (const registers of [true, false]) {
      const { guest, executing, flush, events } = probed({ registers });
      executing.rip = rip;
      guest.pioWrite(0x3f8, 1, 0x41);
      flush();
      expect(events[0].rip).toBe(registers ? rip : undefined);
    }
  });

  it('name registers anew in each batch', () => {
    const { guest, flush, events } = probed();
    guest.pioWrite(0x3f8, 1, 1);
    flush();
    guest.pioWrite(0x3f9, 1, 1);
    flush();
    expect(events.map(event => event.register)).toEqual(['com1 THR0', 'com1 THR1']);
  });

  it('are passed on by themselves when there is no room for more, and none is lost', () => {
    const { guest, recorder, batches, flush, events } = probed();
    for (let i = 0; i < 3000; i++) guest.pioWrite(0x3f8, 4, i);
    expect(batches.length).toBeGreaterThan(1);
    flush();
    expect(recorder.isEmpty).toBe(true);
    expect(events.map(event => event.value)).toEqual(Array.from({ length: 3000 }, (_, i) => i));
  });

  it('arrive as they happened, whatever the guest did', () => {
    const access = fc.record({
      space: fc.constantFrom('port', 'mmio'),
      offset: fc.integer({ min: 0, max: 0xffff }),
      high: fc.constantFrom(0, MMIO_BASE, 2 ** 40),
      size: fc.constantFrom<AccessSize>(1, 2, 4),
      value: fc.integer({ min: 0, max: 0xffff_ffff }),
      vcpu: fc.integer({ min: 0, max: 253 }),
      rip: fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
    });
    fc.assert(
      fc.property(fc.array(access, { maxLength: 600 }), accesses => {
        const { guest, executing, flush, events } = probed({ registers: true });
        const expected = accesses.map(({ space, offset, high, size, value, vcpu, rip }) => {
          const address = space === 'port' ? offset : high + offset;
          executing.vcpu = vcpu;
          executing.rip = rip;
          if (space === 'port') guest.pioWrite(address, size, value);
          else guest.mmioWrite(address, size, value);
          return { space, direction: 'write', address, size, value, vcpu, rip };
        });
        flush();
        expect(events).toMatchObject(expected);
        expect(events).toHaveLength(expected.length);
      }),
      { numRuns: 50 },
    );
  });
});
