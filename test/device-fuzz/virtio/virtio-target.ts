import { VirtioMmio } from '../../../src/devices/virtio/transport/mmio.js';
import { VirtioPci } from '../../../src/devices/virtio/transport/pci.js';
import type { VirtioDevice } from '../../../src/devices/virtio/device.js';
import { addVirtio } from '../../../src/vmm/machine/virtio-bus.js';
import type { AccessSize } from '../../../src/vmm/device.js';
import { FuzzMachine } from '../fuzz-machine.js';
import { pick, valueOf, type Operation } from '../operations.js';
import type { Target } from '../target.js';
import { pciOperations } from '../pci-operations.js';
import { registersOf, SLOT, type Way } from './registers.js';
import { DriverRing, FLAWS } from './rings.js';
import type { MakeSubject } from './subject.js';

const RING_PACKED = 1n << 34n;
const VERSION_1 = 1n << 32n;
const SIZES: readonly AccessSize[] = [1, 2, 4];
const NO_VECTOR = 0xffff;

/** One virtio device, reached in one way, with a driver that knows how to set it up and then does not keep to it. */
export function virtioTarget(make: MakeSubject, way: Way): Target {
  const machine = new FuzzMachine();
  const { board } = machine;
  const subject = make(machine.clock);
  addVirtio(board, 'virtio', subject.type, { interface: way });
  const whole = board.device('virtio')!;
  if (!(whole instanceof VirtioPci || whole instanceof VirtioMmio))
    throw new TypeError('the device is no virtio device');
  const device: VirtioDevice = whole.device;
  machine.watch(device);
  machine.powerOn();
  const registers = registersOf(machine, way);
  const pci = !way.startsWith('mmio');
  let rings: DriverRing[] = [];

  const status = (value: number): void => {
    registers.status(value);
    machine.noticeResets();
  };

  /** Section 3.1.1, with features, sizes and vectors of any kind. */
  const start = (a: number, b: number, c: number): number => {
    status(0);
    registers.status(1);
    registers.status(3);
    const offered = registers.offered();
    let features = offered;
    if (a & 1) features &= BigInt(b) | (BigInt(b) << 32n) | VERSION_1;
    if (a & 2) features &= ~RING_PACKED;
    if (a & 4) features |= BigInt(valueOf(c));
    registers.accept(features);
    if (!registers.legacy) registers.status(11);
    const { packed } = device;
    rings = [];
    for (let index = 0; index < device.queues.length; index++) {
      const largest = registers.queueSize(index);
      const wanted = a & 8 ? largest : pick([1, 2, 4, 8, 16, 32], c >>> (index % 16));
      const size = way === 'legacy' ? largest : Math.min(largest, packed && a & 16 ? wanted + 1 : wanted);
      const ring = new DriverRing(machine, index, Math.max(1, size), packed, registers.legacy);
      if ((a >>> 16) % 8 !== index) {
        registers.setUp(index, size, ring.areas, a & 32 ? index : NO_VECTOR);
      }
      rings.push(ring);
    }
    if (a & 64) registers.status(registers.legacy ? 7 : 15);
    return 40 + 12 * rings.length;
  };

  const own: Operation[] = [
    { name: 'start', weight: 3, run: start },
    { name: 'status', weight: 2, run: a => status(a & 0xff) },
    {
      name: 'register',
      weight: 14,
      run: (a, b) => {
        const { offset, size } = pick(registers.known, a);
        if (b & 1) registers.read(offset, size);
        else registers.write(offset, size, valueOf(b >>> 1));
      },
    },
    {
      name: 'window',
      weight: 6,
      run: (a, b) => {
        const offset = valueOf(a) % registers.size;
        const size = pick(SIZES, b >>> 1);
        if (b & 1) registers.read(offset, size);
        else registers.write(offset, size, valueOf(b >>> 3));
      },
    },
    {
      name: 'config',
      weight: 6,
      run: (a, b) => registers.config((a >>> 2) % 80, pick(SIZES, a), b & 1 ? undefined : valueOf(b)),
    },
    {
      name: 'request',
      weight: 40,
      run: (a, b, c) => {
        if (rings.length === 0) return 1;
        const ring = rings[a % rings.length];
        const pieces = subject.request(ring.index, b, c);
        const flaw = a >>> 30 === 0 ? pick(FLAWS, a >>> 8) : 'none';
        const written = pieces.length === 0 ? 0 : ring.add(pieces, (a & 0x80) !== 0, flaw, c);
        if ((a & 0x40) === 0) registers.notify(ring.index, b);
        return 1 + written;
      },
    },
    {
      name: 'notify',
      weight: 10,
      run: (a, b) =>
        registers.notify(a >>> 28 === 0 ? valueOf(a) & 0x3ff : a % (device.queues.length + 1), b),
    },
    {
      name: 'disturb',
      weight: 14,
      run: (a, b, c) => {
        if (rings.length > 0) rings[a % rings.length].disturb(b, b & 0x100 ? valueOf(c) & 0xffff : c & 31);
      },
    },
    {
      name: 'skip',
      weight: 2,
      run: (a, b) => {
        if (rings.length > 0) rings[a % rings.length].skip(b & 1 ? valueOf(b) & 0x1_ffff : b & 15);
      },
    },
    { name: 'reset-queue', weight: 2, run: a => registers.resetQueue(a % (device.queues.length + 1)) },
    {
      name: 'set-up-queue',
      weight: 2,
      run: (a, b, c) => {
        const index = a % device.queues.length;
        const areas = [valueOf(b) & (c & 1 ? ~0 : ~15), valueOf(b ^ c), valueOf(c)].map(gpa => gpa >>> 0);
        registers.setUp(index, valueOf(c >>> 1) & 0x1ff, areas as [number, number, number], c & 7);
        return 10;
      },
    },
    { name: 'acknowledge', weight: 4, run: () => registers.acknowledge() },
    { name: 'elapse', weight: 8, run: a => machine.elapseRandomly(a) },
    {
      name: 'save-load',
      weight: 1,
      run: a => {
        if ((a & 1) === 0)
          whole.load(JSON.parse(JSON.stringify(whole.save())) as ReturnType<typeof whole.save>);
      },
    },
  ];
  return {
    machine,
    operations: [...own, ...subject.world, ...(pci ? pciOperations(machine, [SLOT]) : [])],
    ...(subject.check && { check: () => subject.check!() }),
  };
}
