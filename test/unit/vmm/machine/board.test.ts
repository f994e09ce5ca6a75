import { describe, expect, it } from 'vitest';
import { PC } from './parts.js';
import { BusConflictError } from '../../../../src/errors.js';
import type { Vm } from '../../../../src/vmm/accelerator.js';
import { MachineClock } from '../../../../src/vmm/clock.js';
import type { AddressSpace, Device } from '../../../../src/vmm/device.js';
import { Board } from '../../../../src/vmm/machine/board.js';
import { GuestMemory, HIGH_RAM_START, MMIO_HOLE_START } from '../../../../src/vmm/memory/guest-memory.js';
import { PowerSwitch } from '../../../../src/vmm/power-switch.js';

function board(memory = GuestMemory.allocate(2 << 20), ports = 1): Board {
  const sink = { write: () => undefined };
  return new Board({
    memory,
    clock: new MachineClock({ elapsed: () => 0, epoch: 0 }),
    power: new PowerSwitch(() => undefined),
    serial: Array.from({ length: ports }, () => sink),
    debugConsole: sink,
    parts: PC,
  });
}

function device(name: string, space: AddressSpace, base: number, size = 16): Device {
  const target = { read: () => 0, write: () => undefined };
  return {
    name,
    ranges: [{ space, base, size, target }],
    reset: () => undefined,
    save: () => ({}),
    load: () => undefined,
  };
}

describe('the mainboard', () => {
  it('has the devices of a PC at their places', () => {
    const pc = board(undefined, 4);
    const at = (port: number): string | undefined => pc.ports.at(port)?.owner;
    expect(
      [0x20, 0xa0, 0x40, 0x43, 0x60, 0x61, 0x64, 0x70, 0x80, 0xe9, 0xf4, 0xcf9].every(port => at(port)),
    ).toBe(true);
    expect([0x3f8, 0x2f8, 0x3e8, 0x2e8].map(at)).toEqual(['com1', 'com2', 'com3', 'com4']);
    expect(pc.mmio.at(0xfec0_0000)?.owner).toBe('ioapic');
    expect(pc.device('com4')?.name).toBe('com4');
    expect(pc.device('com5')).toBeUndefined();
  });

  it('has as many serial ports as asked for', () => {
    expect(board(undefined, 2).ports.at(0x3e8)).toBeUndefined();
  });

  it('refuses a second device of one name, and one whose place is taken', () => {
    const pc = board();
    pc.add(device('latch', 'port', 0x520));
    expect(() => pc.add(device('latch', 'port', 0x600))).toThrow(BusConflictError);
    expect(() => pc.add(device('other', 'port', 0x52f))).toThrow(
      /other claims port 0x52f.*which latch holds/,
    );
  });

  it.each([
    ['low RAM', 0x1000],
    ['the last byte below the hole', MMIO_HOLE_START - 1],
    ['RAM above 4 GiB', HIGH_RAM_START],
    ['both sides of its start', HIGH_RAM_START - 8],
  ])('refuses a device where RAM is, which would hide it: %s', (_, base) => {
    const pc = board(GuestMemory.allocate(MMIO_HOLE_START + (2 << 20)));
    expect(() => pc.add(device('latch', 'mmio', base))).toThrow(/^latch claims mmio .*, which is RAM$/);
    expect(() => pc.add(device('port', 'port', 0x1000))).not.toThrow();
    expect(() => pc.add(device('free', 'mmio', MMIO_HOLE_START))).not.toThrow();
    expect(() => pc.add(device('high', 'mmio', HIGH_RAM_START + (2 << 20)))).not.toThrow();
  });

  it('brings an interrupt to the PIC and, unmasked, to the local APICs', () => {
    const pc = board();
    const intr: boolean[] = [];
    const sent: [number, number][] = [];
    pc.connect({
      setIntr: level => intr.push(level),
      signalMsi: (address, data) => sent.push([address, data]),
      setIoapicRoutes: () => undefined,
    } as Partial<Vm> as Vm);
    // ICW1 to ICW4, then everything unmasked but nothing else.
    for (const [port, value] of [
      [0x20, 0x11],
      [0x21, 0x20],
      [0x21, 0x04],
      [0x21, 0x01],
      [0x21, 0x00],
    ] as const)
      pc.ports.write(port, 1, value);
    pc.mmio.write(0xfec0_0000, 4, 0x10 + 2 * 5);
    pc.mmio.write(0xfec0_0010, 4, 0x35);
    pc.irq(5).set(true);
    expect(intr.at(-1)).toBe(true);
    expect(sent).toEqual([[0xfee0_0000, 0x35]]);
    expect(pc.dispatcher.acknowledgePic()).toBe(0x25);
  });
});
