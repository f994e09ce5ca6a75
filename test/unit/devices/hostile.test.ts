import { describe, expect, it } from 'vitest';
import type { BlockBackend, BlockResult } from '../../../src/block/backend.js';
import type { DeviceType } from '../../../src/devices/virtio/device-type.js';
import { VirtioBlk } from '../../../src/devices/virtio/blk/blk.js';
import { Feature } from '../../../src/devices/virtio/features.js';
import { VirtioRng } from '../../../src/devices/virtio/rng.js';
import { areasAt, INDIRECT, NEXT, PackedDriver, SplitDriver, WRITE } from './virtio/queue/driver-ring.js';
import { LegacyMmio, LegacyPci, ModernPci, type Transport } from './virtio/transport/drivers.js';
import { F, NetRig } from './virtio/net/net-rig.js';
import { Rig as ConsoleRig, CONTROL_TRANSMIT, F_MULTIPORT, PORT_OPEN } from './virtio/console/rig.js';

/**
 * What has brought other machines down, tried on these devices as a guest would: one test for each. Those that tsvmm
 * has no such device for (vsock, balloon, SCSI hosts) are in docs/fuzzing.md. Expected behaviour from virtio 1.3.
 */

const NEEDS_RESET = 64;
const QUEUE = 0x10_0000;
const DATA = 0x20_0000;
const TABLE = 0x28_0000;
const SECTORS = 64;

/** A disk in memory whose requests end when the test says so. */
class HeldDisk implements BlockBackend {
  readonly size = SECTORS * 512;
  readonly readOnly = false;
  readonly deferred = true;
  readonly discardGranularity = 512;
  readonly held: (() => void)[] = [];
  readonly asked: number[] = [];

  read(offset: number, _buffers: readonly Uint8Array[], done: (result: BlockResult) => void): void {
    this.ask(offset, done);
  }

  write(offset: number, _buffers: readonly Uint8Array[], done: (result: BlockResult) => void): void {
    this.ask(offset, done);
  }

  flush(done: (result: BlockResult) => void): void {
    done(undefined);
  }

  discard(offset: number, _length: number, done: (result: BlockResult) => void): void {
    this.ask(offset, done);
  }

  writeZeroes(offset: number, _length: number, _unmap: boolean, done: (result: BlockResult) => void): void {
    this.ask(offset, done);
  }

  resize(): void {}

  close(): void {}

  private ask(offset: number, done: (result: BlockResult) => void): void {
    this.asked.push(offset);
    this.held.push(() => done(undefined));
  }
}

const rng = (drawn: number[] = []): DeviceType => new VirtioRng(target => void drawn.push(target.length));

/** A device as it is when its driver has set it up by the book. */
class Subject {
  readonly driver: SplitDriver;

  constructor(
    readonly transport: Transport,
    features = 0n,
    readonly size = 8,
  ) {
    transport.status = 0;
    transport.status = 3;
    transport.writeFeatures(features | Feature.VERSION_1);
    transport.status = 11;
    expect(transport.status).toBe(11);
    transport.setUpQueue(0, size, areasAt(QUEUE));
    transport.status = 15;
    this.driver = new SplitDriver(transport.memory, size, areasAt(QUEUE));
    transport.interrupts();
  }

  get memory() {
    return this.transport.memory;
  }

  notify(): void {
    this.transport.notify(0);
  }

  get broken(): boolean {
    return (this.transport.status & NEEDS_RESET) !== 0;
  }

  /** A request of the disk; its status when it has come back. */
  request(type: number, sector: bigint, ...data: { gpa: number; length: number; writable?: boolean }[]) {
    const { memory, driver } = this;
    memory.write32(DATA, type);
    memory.write64(DATA + 8, sector);
    memory.write8(DATA + 0x100, 0xee);
    driver.add({ gpa: DATA, length: 16 }, ...data, { gpa: DATA + 0x100, length: 1, writable: true });
    this.notify();
    return driver.collect().length === 1 ? memory.read8(DATA + 0x100) : undefined;
  }
}

const entropy = (features = 0n): Subject => new Subject(new ModernPci(rng()), features);

const disk = (backend = new HeldDisk()): Subject => new Subject(new ModernPci(new VirtioBlk({ backend })));

const IN = 0;
const OUT = 1;
const IOERR = 1;
const UNSUPP = 2;

describe('notifications', () => {
  it('of a queue that does not exist mean nothing', () => {
    const subject = entropy();
    const pci = subject.transport as ModernPci;
    for (const index of [1, 2, 64, 1000]) pci.notify(index);
    expect([subject.broken, pci.interrupts()]).toEqual([false, []]);
  });

  it('before a queue is ready mean nothing: a doorbell before ready', () => {
    const transport = new ModernPci(rng());
    transport.status = 3;
    transport.setUpQueue(0, 8, areasAt(QUEUE));
    const driver = new SplitDriver(transport.memory, 8, areasAt(QUEUE));
    driver.add({ gpa: DATA, length: 16, writable: true });
    transport.notify(0);
    expect([driver.collect(), transport.status]).toEqual([[], 3]);
  });
});

describe('what a driver makes available', () => {
  it('is never more than the queue has, however often it goes round: in-flight requests are bounded', () => {
    const backend = new HeldDisk();
    const { driver, transport, memory, size } = disk(backend);
    memory.write32(DATA, IN);
    memory.write64(DATA + 8, 0n);
    const [header, data, status] = [0, 1, 2];
    driver.descriptor(header, { gpa: DATA, length: 16 }, NEXT, data);
    driver.descriptor(data, { gpa: DATA + 0x200, length: 512 }, WRITE | NEXT, status);
    driver.descriptor(status, { gpa: DATA + 0x100, length: 1 }, WRITE);
    for (let i = 0; i < 1000; i++) {
      driver.publish(header);
      transport.notify(0);
    }
    expect(backend.held.length).toBeLessThanOrEqual(size);
  });

  it('may lie in device memory, which nobody touches: a descriptor that points into MMIO', () => {
    for (const gpa of [0xfee0_0000, 0xfec0_0000, 0xe000_0000, 0xc000_0000]) {
      const subject = entropy();
      subject.driver.add({ gpa, length: 64, writable: true });
      subject.notify();
      expect([subject.broken, subject.driver.collect()]).toEqual([true, []]);
    }
  });

  it('may lie in the device’s own registers: no re-entrance by DMA', () => {
    const subject = entropy();
    const bar = (subject.transport as ModernPci).machine.readConfig(0, 0x20) & ~15;
    const notifications = (bar >>> 0) + 0x3000;
    subject.driver.add({ gpa: notifications, length: 4, writable: true });
    subject.notify();
    expect([subject.broken, subject.driver.collect()]).toEqual([true, []]);
  });

  it('may wrap around the end of all addresses: address plus length', () => {
    const subject = entropy();
    subject.memory.write64(QUEUE, 0xffff_ffff_ffff_f000n);
    subject.memory.write32(QUEUE + 8, 0x2000);
    subject.memory.write16(QUEUE + 12, WRITE);
    subject.driver.publish(0);
    subject.notify();
    expect([subject.broken, subject.driver.collect()]).toEqual([true, []]);
  });

  it('may end behind the last byte of RAM, of which nothing is used: bounds of descriptors, as vsock had none', () => {
    const { size } = new ModernPci(rng()).memory;
    const past = [
      { gpa: size - 8, length: 9 },
      { gpa: size, length: 1 },
      { gpa: size - 1, length: 0xffff_ffff },
    ];
    for (const writable of [false, true]) {
      for (const piece of past) {
        const backend = new HeldDisk();
        const subject = disk(backend);
        expect(subject.request(writable ? IN : OUT, 0n, { ...piece, writable })).toBeUndefined();
        expect([subject.broken, backend.asked]).toEqual([true, []]);
      }
    }
    const subject = entropy();
    subject.driver.add({ gpa: size - 8, length: 8, writable: true });
    subject.notify();
    expect([subject.broken, subject.driver.collect()]).toEqual([false, [{ id: 0, length: 8 }]]);
  });

  it('may be a chain that is a loop', () => {
    const subject = entropy();
    subject.driver.descriptor(0, { gpa: DATA, length: 1 }, WRITE | NEXT, 1);
    subject.driver.descriptor(1, { gpa: DATA, length: 1 }, WRITE | NEXT, 0);
    subject.driver.publish(0);
    subject.notify();
    expect([subject.broken, subject.driver.collect()]).toEqual([true, []]);
  });

  it('may be only a header: it comes back unanswered', () => {
    const { driver, transport, memory } = disk();
    memory.write32(DATA, IN);
    const id = driver.add({ gpa: DATA, length: 16 });
    transport.notify(0);
    expect(driver.collect()).toEqual([{ id, length: 0 }]);
  });

  it('may be a packed ring that never ends', () => {
    const transport = new ModernPci(rng());
    transport.status = 3;
    transport.writeFeatures(Feature.VERSION_1 | Feature.RING_PACKED);
    transport.status = 11;
    transport.setUpQueue(0, 8, areasAt(QUEUE));
    transport.status = 15;
    const driver = new PackedDriver(transport.memory, 8, areasAt(QUEUE));
    for (let i = 0; i < 8; i++) driver.raw({ gpa: DATA, length: 1 }, WRITE | NEXT);
    transport.notify(0);
    expect(transport.status & NEEDS_RESET).toBe(NEEDS_RESET);
    expect(driver.collect()).toEqual([]);
  });

  it('may have indirect tables in indirect tables', () => {
    const subject = entropy(Feature.INDIRECT_DESC);
    subject.memory.write64(TABLE, BigInt(TABLE));
    subject.memory.write32(TABLE + 8, 16);
    subject.memory.write16(TABLE + 12, INDIRECT);
    subject.driver.descriptor(0, { gpa: TABLE, length: 16 }, INDIRECT);
    subject.driver.publish(0);
    subject.notify();
    expect([subject.broken, subject.driver.collect()]).toEqual([true, []]);
  });

  it('comes back under the id that the driver gave it, and under no other: used ids', () => {
    const subject = entropy();
    const ids = [0, 1, 2].map(i => subject.driver.add({ gpa: DATA + 64 * i, length: 64, writable: true }));
    subject.driver.publish(0xfff0);
    subject.notify();
    expect(subject.driver.collect().map(({ id }) => id)).toEqual(ids);
    expect(subject.broken).toBe(true);
  });
});

describe('set-up', () => {
  it('cannot be rewritten after DRIVER_OK: queue size', () => {
    const { transport, driver } = entropy();
    const pci = transport as ModernPci;
    pci.setUpQueue(0, 64, areasAt(TABLE));
    expect(pci.queueSize(0)).toBe(8);
    const id = driver.add({ gpa: DATA, length: 16, writable: true });
    pci.notify(0);
    expect(driver.collect()).toEqual([{ id, length: 16 }]);
  });

  it('cannot be undone bit by bit: status bits cleared, and steps out of order', () => {
    const { transport } = entropy();
    transport.status = 1;
    expect(transport.status).toBe(15);
    transport.status = 0;
    transport.status = 4;
    expect(transport.status).toBe(0);
    transport.status = 3;
    transport.writeFeatures(1n << 3n);
    transport.status = 11;
    expect(transport.status).toBe(3);
  });

  it('of legacy queues may be in any page, or of pages of no size: ring page count', () => {
    const transport = new LegacyMmio(rng());
    transport.status = 3;
    const [{ base }] = transport.whole.ranges;
    const { bus } = transport;
    for (const [page, alignment, pfn] of [
      [0, 0, 1],
      [1, 1, 0xffff_ffff],
      [0xffff_ffff, 3, 0xffff_ffff],
      [4096, 0x8000_0000, 1],
    ]) {
      bus.write(base + 0x28, 4, page);
      bus.write(base + 0x3c, 4, alignment);
      bus.write(base + 0x40, 4, pfn);
      bus.write(base + 0x70, 4, 7);
      transport.notify(0);
      bus.write(base + 0x70, 4, 0);
    }
    expect(transport.status).toBe(0);
  });

  it('of legacy queues stays where it is when pages get another size: ring page count', () => {
    const transport = new LegacyMmio(rng());
    transport.status = 3;
    transport.setUpQueue(0, 8, areasAt(QUEUE));
    const [{ base }] = transport.whole.ranges;
    const { bus } = transport;
    const before = bus.read(base + 0x40, 4);
    expect(before).toBeGreaterThan(0);
    for (const page of [0, 1, 0xffff_ffff]) {
      bus.write(base + 0x28, 4, page);
      expect(bus.read(base + 0x40, 4)).toBe(before);
    }
  });

  it('again and again holds nothing of the times before: re-initialisation with requests under way', () => {
    const backend = new HeldDisk();
    const transport = new ModernPci(new VirtioBlk({ backend }));
    let subject = new Subject(transport);
    for (let i = 0; i < 100; i++) {
      subject.request(IN, 0n, { gpa: DATA + 0x200, length: 512, writable: true });
      transport.memory.bytes(QUEUE, 0x1_0000).fill(0);
      subject = new Subject(transport);
    }
    const state = JSON.stringify(transport.whole.save());
    for (const end of backend.held.splice(0)) end();
    expect(subject.driver.collect()).toEqual([]);
    expect(JSON.parse(state)).toMatchObject({ device: { type: { pending: [] } } });
  });
});

describe('registers', () => {
  it('end where they end: offset plus size', () => {
    const { machine } = new ModernPci(rng());
    const bar = machine.readConfig(0, 0x20) & ~15;
    const base = bar >>> 0;
    for (const offset of [0x3b, 0x3d, 0xffd, 0xfff, 0x1ffe, 0x2fff, 0x3ffe]) {
      for (const size of [1, 2, 4] as const) {
        machine.mmio.write(base + offset, size, 0xffff_ffff);
        const value = machine.mmio.read(base + offset, size);
        expect(value).toBeGreaterThanOrEqual(0);
        expect(value).toBeLessThan(2 ** (8 * size));
      }
    }
    expect(machine.readConfig(0, 0x20) >>> 0).toBe((bar + 12) >>> 0);
  });

  it('of MSI-X take what is written, of whatever width and wherever: table writes', () => {
    const subject = entropy();
    const { machine } = subject.transport as ModernPci;
    const table = (machine.readConfig(0, 0x14) & ~15) >>> 0;
    for (let offset = 0; offset < 0x1000; offset += 3) {
      for (const size of [1, 2, 4] as const) machine.mmio.write(table + offset, size, 0xffff_ffff);
    }
    subject.driver.add({ gpa: DATA, length: 16, writable: true });
    subject.notify();
    expect(subject.driver.collect()).toHaveLength(1);
    // Every vector is masked now: what there was to tell is pending.
    expect(machine.messages).toEqual([]);
  });

  it('of vectors may be taken back in the middle: an MSI-X vector that is released', () => {
    const { transport, driver } = entropy();
    const { machine } = transport as ModernPci;
    const common = (machine.readConfig(0, 0x20) & ~15) >>> 0;
    machine.mmio.write(common + 0x16, 2, 0);
    machine.mmio.write(common + 0x1a, 2, 0xffff);
    driver.add({ gpa: DATA, length: 16, writable: true });
    transport.notify(0);
    expect(driver.collect()).toHaveLength(1);
    expect(transport.interrupts()).toEqual([]);
  });

  it('of the legacy interface may be reached byte by byte beyond their end', () => {
    const transport = new LegacyPci(rng());
    for (const offset of [0, 1, 7, 63, 200]) {
      transport.writeConfig(offset, 4, 0xffff_ffff);
      const value = transport.readConfig(offset, 4);
      expect(value >>> 0).toBe(value);
    }
    expect(transport.status).toBe(0);
  });
});

describe('disks', () => {
  it('know no SCSI commands, whatever lengths are in them', () => {
    const subject = disk();
    const scsi = 2;
    const pieces = [
      { gpa: DATA + 0x200, length: 0xffff },
      { gpa: DATA + 0x1_0200, length: 96, writable: true },
    ];
    expect(subject.request(scsi, 0n, ...pieces)).toBe(UNSUPP);
  });

  it('end at their last sector: arithmetic of sectors', () => {
    const backend = new HeldDisk();
    const subject = disk(backend);
    const into = { gpa: DATA + 0x200, length: 1024, writable: true };
    for (const sector of [63n, 64n, 2n ** 53n, 2n ** 55n - 1n, 2n ** 63n, 2n ** 64n - 1n, 2n ** 64n - 2n]) {
      expect(subject.request(IN, sector, into)).toBe(IOERR);
    }
    expect(backend.asked).toEqual([]);
  });
});

describe('entropy', () => {
  it('is never more than asked for, nor more at once than 64 KiB a buffer', () => {
    const drawn: number[] = [];
    const { driver, transport, memory } = new Subject(new ModernPci(rng(drawn)));
    memory.bytes(DATA, 32).fill(0xcc);
    driver.add({ gpa: DATA, length: 5, writable: true });
    driver.add({ gpa: DATA + 0x1000, length: 0x10_0000, writable: true });
    transport.notify(0);
    expect(driver.collect().map(({ length }) => length)).toEqual([5, 65_536]);
    expect(drawn.reduce((sum, length) => sum + length, 0)).toBe(5 + 65_536);
    expect(Array.from(memory.bytes(DATA + 5, 27))).toEqual(Array(27).fill(0xcc));
  });
});

describe('network cards', () => {
  const frame = Uint8Array.from({ length: 60 }, (_, i) => i);

  it('take headers of the length that the features say, and nothing that is shorter', () => {
    const legacy = new NetRig({ Way: LegacyPci });
    legacy.send(frame);
    expect(legacy.backend.sent.map(({ frame: sent }) => sent)).toEqual([frame]);
    const modern = new NetRig();
    for (let length = 0; length < 12 + 14; length++) modern.give(new Uint8Array(length));
    modern.transport.notify(1);
    modern.pollBackend();
    expect(modern.backend.sent).toEqual([]);
    expect(modern.drivers[1].collect()).toHaveLength(26);
  });

  it('send nothing whose checksum lies beyond its end', () => {
    const rig = new NetRig({ features: F.CSUM });
    for (const [csumStart, csumOffset] of [
      [59, 0],
      [14, 60],
      [0xffff, 0xffff],
      [0, 0xffff],
    ]) {
      rig.send(frame, { flags: 1, csumStart, csumOffset });
    }
    expect(rig.backend.sent).toEqual([]);
    rig.send(frame, { flags: 1, csumStart: 34, csumOffset: 16 });
    expect(rig.backend.sent).toHaveLength(1);
  });

  it('refuse commands that are longer than what they keep of them: a guest’s length into a fixed buffer', () => {
    const rig = new NetRig({ features: F.CTRL_VQ | F.CTRL_RX });
    const addresses = (count: number, sent: number): number[] => [
      count & 0xff,
      count >> 8,
      0,
      0,
      ...Array<number>(6 * sent).fill(1),
    ];
    expect(rig.command([1, 0, ...addresses(2, 2), ...addresses(0, 0)], 2)).toBe(0);
    expect(rig.command([1, 0, ...addresses(4000, 4000), ...addresses(0, 0)], 2)).toBe(1);
    expect(rig.command([1, 0, 0xff, 0xff, 0xff, 0xff, ...addresses(0, 0)], 2)).toBe(1);
    expect(rig.command([1, 0, ...addresses(9, 1), ...addresses(0, 0)], 2)).toBe(1);
  });
});

describe('lists of any length that a guest sends, as a balloon’s statistics', () => {
  const long = Array.from({ length: 5 }, (_, i) => ({ gpa: DATA + 0x1000 + i, length: 1 << 20 }));

  it('are refused by network cards, and nothing is kept of them', () => {
    const { transport, drivers } = new NetRig({ features: F.CTRL_VQ | F.CTRL_RX });
    const { memory } = transport;
    const held = (): number => JSON.stringify(transport.device.type.save()).length;
    const before = held();
    const multicasts = 0xff_ffff;
    memory.bytes(DATA, 6).set([1, 0]);
    memory.write32(DATA + 2, multicasts);
    memory.write8(DATA + 16, 0xee);
    drivers[2].add({ gpa: DATA, length: 6 }, ...long, { gpa: DATA + 16, length: 1, writable: true });
    transport.notify(2);
    expect([memory.read8(DATA + 16), held()]).toEqual([1, before]);
  });

  it('are refused by disks, which nobody asks for anything', () => {
    const backend = new HeldDisk();
    const subject = disk(backend);
    const discard = 11;
    expect(subject.request(discard, 0n, ...long)).toBe(IOERR);
    expect(backend.asked).toEqual([]);
  });
});

describe('consoles', () => {
  it('keep one message of a kind for a port, whatever the driver asks for: port state machines', () => {
    const rig = new ConsoleRig([{ kind: 'console', name: 'hvc0' }]).start(F_MULTIPORT);
    for (let i = 0; i < 2000; i++) {
      rig.tell(0, 0, 1);
      rig.tell(0, 3, 1);
      rig.tell(0xffff_ffff, PORT_OPEN, 1);
      rig.tell(0, PORT_OPEN, i & 1);
      // The same buffers again and again.
      (rig as unknown as { nextBuffer: number }).nextBuffer = 0x28_0000;
    }
    rig.offer(2, 64, 32);
    // DEVICE_ADD alone: nothing else was told before the driver had heard of the port.
    expect(rig.messages().map(({ event }) => event)).toEqual([1]);
    expect(JSON.stringify(rig.device.save()).length).toBeLessThan(1000);
  });

  it('take no message that is shorter than a message', () => {
    const rig = new ConsoleRig().start(F_MULTIPORT);
    for (let length = 0; length < 8; length++) rig.send(CONTROL_TRANSMIT, new Uint8Array(length).fill(3));
    rig.offer(2, 64, 4);
    expect(rig.messages()).toEqual([]);
  });
});
