import { describe, expect, it } from 'vitest';
import type { DeviceType } from '../../../../../src/devices/virtio/device-type.js';
import { Feature } from '../../../../../src/devices/virtio/features.js';
import { VirtioRng } from '../../../../../src/devices/virtio/rng.js';
import { areasAt, PackedDriver, SplitDriver } from '../queue/driver-ring.js';
import { legacyAreasAt, LegacyPci, ModernPci, ModernPciIntx, TRANSPORTS, type Transport } from './drivers.js';

/** Expected behaviour from virtio 1.3, sections 2, 3, 4 and 5.4. */

const ACKNOWLEDGE = 1;
const DRIVER = 2;
const DRIVER_OK = 4;
const FEATURES_OK = 8;
const NEEDS_RESET = 64;

const QUEUE = 0x10_0000;
const DATA = 0x20_0000;

/** Entropy that can be recognised: 1, 2, 3, … */
function counting(): DeviceType {
  let next = 1;
  return new VirtioRng(target => {
    for (let i = 0; i < target.length; i++) target[i] = next++ & 0xff;
  });
}

/** Initialises the device as section 3.1.1 says. */
function initialise(transport: Transport, features = 0n): void {
  transport.status = 0;
  transport.status = ACKNOWLEDGE;
  transport.status = ACKNOWLEDGE | DRIVER;
  transport.writeFeatures(features | (transport.legacy ? 0n : Feature.VERSION_1));
  if (!transport.legacy) {
    transport.status = ACKNOWLEDGE | DRIVER | FEATURES_OK;
    expect(transport.status & FEATURES_OK).toBe(FEATURES_OK);
  }
}

function start(transport: Transport, features = 0n, size = transport.legacy ? 64 : 8) {
  initialise(transport, features);
  expect(transport.queueSize(0)).toBe(64);
  transport.memory.bytes(QUEUE, 0x2_0000).fill(0);
  const areas = transport.legacy ? legacyAreasAt(QUEUE, size) : areasAt(QUEUE);
  transport.setUpQueue(0, size, areas);
  transport.status = transport.status | DRIVER_OK;
  const Driver = features & Feature.RING_PACKED ? PackedDriver : SplitDriver;
  return new Driver(transport.memory, size, areas);
}

describe.each(Object.entries(TRANSPORTS))('virtio over %s', (_name, Way) => {
  it('is initialised, serves requests and interrupts', () => {
    const transport = new Way(counting());
    const driver = start(transport);
    const id = driver.add({ gpa: DATA, length: 5, writable: true });
    expect(driver.collect()).toEqual([]);
    transport.notify(0);
    expect(driver.collect()).toEqual([{ id, length: 5 }]);
    expect([...transport.memory.bytes(DATA, 6)]).toEqual([1, 2, 3, 4, 5, 0]);
    expect(transport.interrupts()).toEqual(['queue0']);
    expect(transport.interrupts()).toEqual([]);
  });

  it('serves what was made available before DRIVER_OK', () => {
    const transport = new Way(counting());
    initialise(transport);
    const size = transport.legacy ? 64 : 8;
    const areas = transport.legacy ? legacyAreasAt(QUEUE, size) : areasAt(QUEUE);
    transport.setUpQueue(0, size, areas);
    const driver = new SplitDriver(transport.memory, size, areas);
    driver.add({ gpa: DATA, length: 1, writable: true });
    expect(driver.collect()).toEqual([]);
    transport.status = transport.status | DRIVER_OK;
    expect(driver.collect()).toHaveLength(1);
  });

  it('is as after power-on when the driver has reset it', () => {
    const transport = new Way(counting());
    const driver = start(transport);
    driver.add({ gpa: DATA, length: 1, writable: true });
    transport.notify(0);
    expect(transport.interrupts()).toEqual(['queue0']);
    driver.add({ gpa: DATA, length: 1, writable: true });
    transport.notify(0);
    transport.status = 0;
    expect(transport.status).toBe(0);
    if (transport.legacy) expect(transport.interrupts()).toEqual([]);
    expect(driver.collect()).toHaveLength(2);
    driver.add({ gpa: DATA, length: 1, writable: true });
    transport.notify(0);
    expect(driver.collect()).toEqual([]);
    const again = start(transport);
    expect(again.collect()).toEqual([]);
    again.add({ gpa: DATA, length: 1, writable: true });
    transport.notify(0);
    expect(again.collect()).toHaveLength(1);
  });

  it('knows only the queues that it has', () => {
    const transport = new Way(counting());
    expect(transport.queueSize(1)).toBe(0);
    start(transport);
    transport.setUpQueue(1, 8, areasAt(QUEUE));
    transport.notify(1);
    transport.notify(0xfff);
    expect(transport.interrupts()).toEqual([]);
  });

  it('goes on from its saved state', () => {
    const transport = new Way(counting());
    const driver = start(transport, Feature.EVENT_IDX);
    driver.add({ gpa: DATA, length: 1, writable: true });
    transport.notify(0);
    const state = structuredClone(transport.whole.save());
    expect(driver.collect()).toHaveLength(1);
    transport.whole.reset();
    expect(transport.device.status).toBe(0);
    transport.whole.load(state);
    expect(transport.interrupts()).toEqual(['queue0']);
    driver.add({ gpa: DATA + 8, length: 1, writable: true });
    transport.notify(0);
    expect(driver.collect()).toHaveLength(1);
    expect(transport.memory.read8(DATA + 8)).toBe(2);
  });

  it('asks for a reset when the driver breaks a ring', () => {
    const transport = new Way(counting());
    const driver = start(transport);
    driver.add({ gpa: 0xfec0_0000, length: 4, writable: true });
    transport.notify(0);
    expect(transport.status & NEEDS_RESET).toBe(NEEDS_RESET);
    expect(transport.interrupts()).toEqual(['config']);
    expect(transport.device.violations).toMatchObject([{ section: '2.6', queue: 0 }]);
    driver.add({ gpa: DATA, length: 4, writable: true });
    transport.notify(0);
    expect(driver.collect()).toEqual([]);
    expect(start(transport).collect()).toEqual([]);
    expect(transport.status & NEEDS_RESET).toBe(0);
  });

  it('asks for a reset when a queue is not RAM', () => {
    const transport = new Way(counting());
    initialise(transport);
    const base = 0xd000_0000;
    const areas = transport.legacy ? legacyAreasAt(base, 64) : areasAt(base);
    transport.setUpQueue(0, 64, areas);
    transport.status = transport.status | DRIVER_OK;
    expect(transport.status & NEEDS_RESET).toBe(NEEDS_RESET);
    transport.notify(0);
  });

  it('serves a driver that never stops in turns', () => {
    const transport = new Way(counting());
    const driver = start(transport);
    // As if other vCPUs went on: the ring is never empty.
    const add = (): number => driver.add({ gpa: DATA, length: 1, writable: true });
    for (let i = 0; i < 8; i++) add();
    let served = 0;
    const original = transport.device.serve.bind(transport.device);
    transport.device.serve = (index, handle) =>
      original(index, (chain, queue) => {
        handle(chain, queue);
        driver.collect();
        served++;
        add();
      });
    transport.notify(0);
    expect(served).toBe(256);
    transport.elapse();
    expect(served).toBe(512);
  });
});

describe('the modern interfaces', () => {
  const modern = Object.entries(TRANSPORTS).filter(([, Way]) => !new Way(counting()).legacy);

  it.each(modern)('over %s: refuse features that were not offered', (_name, Way) => {
    const transport = new Way(counting());
    transport.status = ACKNOWLEDGE | DRIVER;
    transport.writeFeatures(Feature.VERSION_1 | 1n);
    transport.status = ACKNOWLEDGE | DRIVER | FEATURES_OK;
    expect(transport.status & FEATURES_OK).toBe(0);
    transport.status = ACKNOWLEDGE | DRIVER | FEATURES_OK | DRIVER_OK;
    expect(transport.status & DRIVER_OK).toBe(0);
  });

  it.each(modern)('over %s: keep features once agreed on, and status bits once set', (_name, Way) => {
    const transport = new Way(counting());
    const driver = start(transport);
    transport.writeFeatures(Feature.RING_PACKED);
    transport.status = ACKNOWLEDGE;
    expect(transport.status).toBe(ACKNOWLEDGE | DRIVER | FEATURES_OK | DRIVER_OK);
    driver.add({ gpa: DATA, length: 1, writable: true });
    transport.notify(0);
    expect(driver.collect()).toHaveLength(1);
  });

  it.each(modern)('over %s: serve packed queues', (_name, Way) => {
    const transport = new Way(counting());
    const driver = start(transport, Feature.RING_PACKED | Feature.EVENT_IDX, 5);
    for (let round = 0; round < 12; round++) {
      driver.add({ gpa: DATA, length: 1, writable: true });
      transport.notify(0);
      expect(driver.collect()).toHaveLength(1);
    }
  });

  it.each(modern)('over %s: refuse queues of impossible sizes and places', (_name, Way) => {
    for (const [size, areas] of [
      [128, areasAt(QUEUE)],
      [0, areasAt(QUEUE)],
      [6, areasAt(QUEUE)],
      [8, { ...areasAt(QUEUE), descriptors: QUEUE + 8 }],
      [8, { ...areasAt(QUEUE), driver: QUEUE + 0x8001 }],
      [8, { ...areasAt(QUEUE), device: QUEUE + 0xc002 }],
    ] as const) {
      const transport = new Way(counting());
      initialise(transport);
      transport.setUpQueue(0, size, areas);
      transport.status = transport.status | DRIVER_OK;
      expect(transport.status & NEEDS_RESET).toBe(NEEDS_RESET);
      transport.notify(0);
    }
  });
});

describe('virtio over PCI', () => {
  it('ignores changes of a queue that is enabled', () => {
    const transport = new ModernPci(counting());
    const driver = start(transport);
    transport.write(0x18, 2, 64);
    transport.write(0x20, 4, 0);
    transport.write(0x1c, 2, 0);
    expect(transport.read(0x18, 2)).toBe(8);
    expect(transport.read(0x1c, 2)).toBe(1);
    driver.add({ gpa: DATA, length: 1, writable: true });
    transport.notify(0);
    expect(driver.collect()).toHaveLength(1);
  });

  it('gives a queue back, which can then be set up anew', () => {
    const transport = new ModernPci(counting());
    start(transport, Feature.RING_RESET);
    transport.resetQueue(0);
    expect(transport.read(0x3a, 2)).toBe(0);
    expect(transport.read(0x1c, 2)).toBe(0);
    expect(transport.read(0x18, 2)).toBe(64);
    const areas = areasAt(QUEUE + 0x2_0000);
    transport.setUpQueue(0, 16, areas);
    const driver = new SplitDriver(transport.memory, 16, areas);
    driver.add({ gpa: DATA, length: 1, writable: true });
    transport.notify(0);
    expect(driver.collect()).toHaveLength(1);
  });

  it('says no vector for one that does not exist', () => {
    const transport = new ModernPci(counting());
    transport.write(0x10, 2, 2);
    expect(transport.read(0x10, 2)).toBe(0xffff);
    transport.write(0x10, 2, 1);
    expect(transport.read(0x10, 2)).toBe(1);
    transport.write(0x16, 2, 7);
    transport.write(0x1a, 2, 0);
    expect(transport.read(0x1a, 2)).toBe(0xffff);
  });

  it('is reached through configuration space alone', () => {
    const transport = new ModernPci(counting());
    const { machine } = transport;
    const window = machine.capabilities(0, 9).find(at => machine.readConfig(0, at + 3, 1) === 5)!;
    machine.writeConfig(0, window + 4, 4, 1);
    machine.writeConfig(0, window + 8, 0x14);
    machine.writeConfig(0, window + 12, 1);
    machine.writeConfig(0, window + 16, ACKNOWLEDGE, 1);
    expect(transport.status).toBe(ACKNOWLEDGE);
    expect(machine.readConfig(0, window + 16, 1)).toBe(ACKNOWLEDGE);
    // A window that leads nowhere, and lengths that are none.
    for (const [bar, offset, length] of [
      [4, 0xffff_fffc, 4],
      [3, 0, 4],
      [4, 0x15, 2],
      [4, 0, 0],
      [4, 0, 3],
    ]) {
      machine.writeConfig(0, window + 4, bar, 1);
      machine.writeConfig(0, window + 8, offset);
      machine.writeConfig(0, window + 12, length);
      machine.writeConfig(0, window + 16, 0xff);
      expect(machine.readConfig(0, window + 16)).toBe(0);
    }
    expect(transport.status).toBe(ACKNOWLEDGE);
  });

  it('shows who it is: modern, transitional or legacy', () => {
    const ids = (kind: 'modern' | 'transitional' | 'legacy'): number[] => {
      const { machine } =
        kind === 'modern' ? new ModernPci(counting(), kind) : new LegacyPci(counting(), kind);
      return [machine.readConfig(0, 0), machine.readConfig(0, 8, 1), machine.readConfig(0, 0x2e, 2)];
    };
    expect(ids('modern')).toEqual([0x1044_1af4, 1, 0x1100]);
    expect(ids('transitional')).toEqual([0x1005_1af4, 0, 4]);
    expect(ids('legacy')).toEqual([0x1005_1af4, 0, 4]);
  });

  it('is both at once when it is transitional', () => {
    const transport = new ModernPci(counting(), 'transitional');
    const driver = start(transport);
    driver.add({ gpa: DATA, length: 1, writable: true });
    transport.notify(0);
    expect(driver.collect()).toHaveLength(1);
  });

  it('moves the legacy configuration space behind the MSI-X registers while they are enabled', () => {
    const transport = new LegacyPci(counting());
    const [capability] = transport.machine.capabilities(0, 0x11);
    expect(transport.read(0x14, 2)).toBe(0);
    transport.machine.writeConfig(0, capability + 2, 0x8000, 2);
    expect(transport.read(0x14, 2)).toBe(0xffff);
    transport.write(0x14, 2, 1);
    transport.write(0x16, 2, 5);
    expect([transport.read(0x14, 2), transport.read(0x16, 2)]).toEqual([1, 0xffff]);
  });

  it('lets legacy drivers use a queue before DRIVER_OK', () => {
    const transport = new LegacyPci(counting());
    initialise(transport);
    const areas = legacyAreasAt(QUEUE, 64);
    transport.setUpQueue(0, 64, areas);
    const driver = new SplitDriver(transport.memory, 64, areas);
    driver.add({ gpa: DATA, length: 1, writable: true });
    transport.notify(0);
    expect(driver.collect()).toHaveLength(1);
    // Address 0 takes it back.
    transport.write(0x08, 4, 0);
    expect(transport.read(0x08, 4)).toBe(0);
    driver.add({ gpa: DATA, length: 1, writable: true });
    transport.notify(0);
    expect(driver.collect()).toEqual([]);
  });
});

describe.each([
  ['modern, MSI-X', ModernPci],
  ['modern, INTx', ModernPciIntx],
  ['legacy', LegacyPci],
])('virtio over PCI (%s) that may not master the bus', (_name, Way) => {
  const setMaster = ({ machine }: InstanceType<typeof Way>, on: boolean): void => {
    machine.writeConfig(0, 0x04, on ? 7 : 3, 2);
  };

  it('leaves memory alone, and serves what waits when it may', () => {
    const transport = new Way(counting());
    const driver = start(transport);
    setMaster(transport, false);
    driver.add({ gpa: DATA, length: 4, writable: true });
    transport.notify(0);
    transport.elapse();
    expect(driver.collect()).toEqual([]);
    expect(transport.memory.read32(DATA)).toBe(0);
    expect(transport.interrupts()).toEqual([]);
    setMaster(transport, true);
    transport.elapse();
    expect(driver.collect()).toHaveLength(1);
    expect(transport.memory.read32(DATA)).toBe(0x0403_0201);
    expect(transport.interrupts()).toEqual(['queue0']);
  });

  it('can be initialised', () => {
    const transport = new Way(counting());
    setMaster(transport, false);
    const driver = start(transport);
    driver.add({ gpa: DATA, length: 4, writable: true });
    transport.notify(0);
    expect(driver.collect()).toEqual([]);
    setMaster(transport, true);
    transport.elapse();
    expect(driver.collect()).toHaveLength(1);
  });

  it('remembers in a saved state what waits', () => {
    const transport = new Way(counting());
    const driver = start(transport);
    setMaster(transport, false);
    driver.add({ gpa: DATA, length: 4, writable: true });
    transport.notify(0);
    const state = structuredClone(transport.whole.save());
    transport.whole.reset();
    transport.whole.load(state);
    transport.elapse();
    expect(driver.collect()).toEqual([]);
    setMaster(transport, true);
    transport.elapse();
    expect(driver.collect()).toHaveLength(1);
  });

  it('has forgotten what waited once it is reset', () => {
    const transport = new Way(counting());
    const driver = start(transport);
    setMaster(transport, false);
    driver.add({ gpa: DATA, length: 4, writable: true });
    transport.notify(0);
    transport.status = 0;
    setMaster(transport, true);
    transport.elapse();
    expect(driver.collect()).toEqual([]);
  });
});

describe('virtio over PCI with MSI-X that may not master the bus', () => {
  it('tells of its configuration when it may', () => {
    const transport = new ModernPci(counting());
    start(transport);
    transport.machine.writeConfig(0, 0x04, 2, 2);
    transport.device.configChanged();
    expect(transport.interrupts()).toEqual([]);
    transport.machine.writeConfig(0, 0x04, 6, 2);
    expect(transport.interrupts()).toEqual(['config']);
  });
});
