import fc from 'fast-check';
import { expect, test } from 'vitest';
import { VirtioRng } from '../../../../src/devices/virtio/rng.js';
import type { AccessSize, DeviceState } from '../../../../src/vmm/device.js';
import { Board } from '../../../../src/vmm/machine/board.js';
import { addVirtio } from '../../../../src/vmm/machine/virtio-bus.js';
import { GuestMemory } from '../../../../src/vmm/memory/guest-memory.js';
import { PowerSwitch } from '../../../../src/vmm/power-switch.js';
import { ManualTime } from '../../devices/legacy/manual-time.js';
import { PC } from './parts.js';

/** What a guest, or time, does to a machine. */
type Step =
  | { readonly in: number; readonly size: AccessSize }
  | { readonly out: number; readonly size: AccessSize; readonly value: number }
  | { readonly pass: number };

/** A PC with a virtio device on each kind of bus, and what its guest could observe of it. */
class Rig {
  readonly time = new ManualTime();
  readonly seen: unknown[] = [];
  readonly board: Board;

  constructor() {
    const sink = (name: string) => ({ write: (byte: number) => void this.seen.push([name, byte]) });
    const { clock } = this.time;
    this.board = new Board({
      memory: GuestMemory.allocate(2 << 20),
      clock,
      power: new PowerSwitch(() => undefined),
      serial: [sink('com1'), sink('com2')],
      debugConsole: sink('debug'),
      parts: { ...PC, mmioSlots: 1 },
    });
    addVirtio(this.board, 'virtio-rng0', new VirtioRng(target => target.fill(7)), {
      interface: 'transitional',
    });
    addVirtio(this.board, 'virtio-rng1', new VirtioRng(target => target.fill(7)), { interface: 'mmio' });
    this.board.connect({
      signalMsi: (address, data) => this.seen.push(['msi', address, data]),
      setIntr: level => this.seen.push(['intr', level]),
      setIoapicRoutes: () => undefined,
    });
    this.board.reset();
  }

  /** Where a guest finds the registers of `name`: the same in each machine. */
  places(name: string): { readonly space: 'port' | 'mmio'; readonly base: number; readonly size: number }[] {
    const { ports, mmio } = this.board;
    return [...ports.list(), ...mmio.list()].filter(({ owner }) => owner === name);
  }

  do(name: string, step: Step): unknown {
    if ('pass' in step) return this.time.run(step.pass);
    const places = this.places(name);
    if (places.length === 0) return undefined;
    const write = 'out' in step;
    const at = write ? step.out : step.in;
    const { space, base, size } = places[at % places.length];
    const bus = space === 'port' ? this.board.ports : this.board.mmio;
    const address = base + (Math.floor(at / places.length) % Math.max(1, size - step.size + 1));
    // What does not fit is not on the bus.
    if (write) return bus.write(address, step.size, step.value % 2 ** (8 * step.size));
    return bus.read(address, step.size);
  }

  save(): Record<string, DeviceState> {
    const states = Array.from(this.board.allDevices(), device => [device.name, device.save()] as const);
    return Object.fromEntries(states);
  }

  load(states: Record<string, DeviceState>): void {
    for (const device of this.board.allDevices()) device.load(states[device.name]);
  }
}

const size = fc.constantFrom<AccessSize>(1, 2, 4);
// Small numbers often: registers lie at the beginnings of ranges, and configuration space is found by 0xCF8.
const offset = fc.oneof(fc.nat({ max: 0x40 }), fc.nat({ max: 0x1000 }));
const value = fc.oneof(fc.nat({ max: 0xff }), fc.nat({ max: 0xffff_ffff }));
const steps = fc.array(
  fc.oneof<fc.Arbitrary<Step>[]>(
    fc.record({ in: offset, size }),
    fc.record({ out: offset, size, value }),
    fc.record({ out: offset, size, value }),
    fc.record({ pass: fc.nat({ max: 2_000_000 }) }),
  ),
  { maxLength: 40 },
);

const NAMES = Array.from(new Rig().board.allDevices(), ({ name }) => name);

test.each(NAMES)(
  '%s goes on from its saved state as if nothing had happened, whatever the guest does',
  name => {
    fc.assert(
      fc.property(steps, steps, (before, after) => {
        const original = new Rig();
        for (const step of before) original.do(name, step);
        // Through JSON: what is saved is plain data, and all of it arrives.
        const states = JSON.parse(JSON.stringify(original.save())) as Record<string, DeviceState>;
        const copy = new Rig();
        copy.time.jumpTo(original.time.elapsed());
        copy.load(states);
        expect(copy.save()).toEqual(original.save());
        original.seen.length = 0;
        copy.seen.length = 0;
        for (const step of after) expect(copy.do(name, step)).toEqual(original.do(name, step));
        expect(copy.seen).toEqual(original.seen);
        expect(copy.save()).toEqual(original.save());
      }),
      { numRuns: 25 },
    );
  },
);
