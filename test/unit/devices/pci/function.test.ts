import { beforeEach, describe, expect, it } from 'vitest';
import { HOST_BRIDGES, ISA_BRIDGE } from '../../../../src/devices/pci/bridges.js';
import { ECAM_BASE } from '../../../../src/devices/pci/config-access.js';
import { PciFunction } from '../../../../src/devices/pci/function.js';
import { assignResources, MEMORY_WINDOW, PORT_WINDOW } from '../../../../src/devices/pci/resources.js';
import type { BusTarget } from '../../../../src/vmm/device.js';
import { PciMachine } from './pci-machine.js';

/** Expected behaviour from PCI Local Bus 3.0, sections 3.2.2.3.2 and 6. */

const COMMAND = 0x04;
const STATUS = 0x06;
const BAR0 = 0x10;

class Scratch implements BusTarget {
  readonly accesses: string[] = [];

  read(offset: number): number {
    this.accesses.push(`read ${offset}`);
    return 0x5a;
  }

  write(offset: number, size: number, value: number): void {
    this.accesses.push(`write ${offset} ${size} ${value}`);
  }
}

let machine: PciMachine;
let memory: Scratch;
let ports: Scratch;
let card: PciFunction;
const SLOT = 3;

beforeEach(() => {
  machine = new PciMachine();
  memory = new Scratch();
  ports = new Scratch();
  machine.root.add(new PciFunction('host bridge', HOST_BRIDGES.hostbridge, machine));
  machine.root.add(new PciFunction('isa bridge', ISA_BRIDGE, machine));
  card = new PciFunction(
    'card',
    {
      vendorId: 0x1234,
      deviceId: 0x5678,
      revision: 2,
      classCode: 0x010203,
      subsystemVendorId: 0x9abc,
      subsystemId: 0xdef0,
      interruptPin: 1,
    },
    machine,
  );
  card.addBar({ index: 0, space: 'mmio', size: 0x1000, target: memory });
  card.addBar({ index: 1, space: 'port', size: 0x40, target: ports });
  card.addBar({ index: 2, space: 'mmio', size: 0x10000, is64: true, prefetchable: true, target: memory });
  machine.root.add(card, SLOT);
});

describe('configuration space', () => {
  it('is found by both mechanisms, in accesses of every width', () => {
    expect(machine.readConfig(SLOT, 0)).toBe(0x5678_1234);
    expect(machine.readConfig(SLOT, 2, 2)).toBe(0x5678);
    expect(machine.readConfig(SLOT, 8)).toBe(0x0102_0302);
    expect(machine.readConfig(SLOT, 0x0b, 1)).toBe(0x01);
    expect(machine.readConfig(SLOT, 0x2c)).toBe(0xdef0_9abc);
    expect(machine.mmio.read(ECAM_BASE + (SLOT << 15), 4)).toBe(0x5678_1234);
    expect(machine.mmio.read(ECAM_BASE + (SLOT << 15) + 0x2e, 2)).toBe(0xdef0);
    machine.mmio.write(ECAM_BASE + (SLOT << 15) + 0x3c, 1, 9);
    expect(machine.readConfig(SLOT, 0x3c, 1)).toBe(9);
  });

  it('reads all ones where no function is', () => {
    expect(machine.readConfig(5, 0)).toBe(0xffff_ffff);
    expect(machine.readConfig(SLOT, 0, 2, 1)).toBe(0xffff);
    expect(machine.mmio.read(ECAM_BASE + (31 << 15), 4)).toBe(0xffff_ffff);
    // Bus 1 does not exist.
    machine.ports.write(0xcf8, 4, 0x8001_0000);
    expect(machine.ports.read(0xcfc, 4)).toBe(0xffff_ffff);
  });

  it('answers only while the address register enables it', () => {
    machine.ports.write(0xcf8, 4, SLOT << 11);
    expect(machine.ports.read(0xcfc, 4)).toBe(0xffff_ffff);
    machine.ports.write(0xcf8, 4, 0x8000_0000 + (SLOT << 11));
    // Narrow writes to the address register are not its own.
    machine.ports.write(0xcf8, 1, 0);
    expect(machine.ports.read(0xcf8, 4)).toBe(0x8000_0000 + (SLOT << 11));
    expect(machine.ports.read(0xcfc, 4)).toBe(0x5678_1234);
  });

  it('keeps what software cannot write', () => {
    for (const offset of [0, 8, 0x0c, 0x2c, 0x34, 0x3c]) machine.writeConfig(SLOT, offset, 0xffff_ffff);
    expect(machine.readConfig(SLOT, 0)).toBe(0x5678_1234);
    expect(machine.readConfig(SLOT, 8)).toBe(0x0102_0302);
    expect(machine.readConfig(SLOT, 0x0c)).toBe(0x0000_00ff);
    expect(machine.readConfig(SLOT, 0x2c)).toBe(0xdef0_9abc);
    expect(machine.readConfig(SLOT, 0x3c)).toBe(0x0000_01ff);
    machine.writeConfig(SLOT, COMMAND, 0xffff, 2);
    expect(machine.readConfig(SLOT, COMMAND, 2)).toBe(0x0547);
  });

  it('links capabilities in the order in which they were added', () => {
    const registers = () => [{ name: 'DATA', offset: 2, width: 2 as const, writable: 0xff00, value: 0x0011 }];
    const first = card.config.addCapability('A', 9, 5, registers);
    const second = card.config.addCapability('B', 9, 4, registers);
    expect(machine.capabilities(SLOT, 9)).toEqual([first, second]);
    expect(second % 4).toBe(0);
    expect(machine.readConfig(SLOT, STATUS, 2) & 0x10).toBe(0x10);
    machine.writeConfig(SLOT, first + 2, 0xffff, 2);
    expect(machine.readConfig(SLOT, first + 2, 2)).toBe(0xff11);
    // One byte of it, too.
    machine.writeConfig(SLOT, second + 3, 0x22, 1);
    expect(machine.readConfig(SLOT, second + 2, 2)).toBe(0x2211);
  });
});

describe('base address registers', () => {
  it('tell size and kind', () => {
    for (const offset of [0, 4, 8, 12, 16]) machine.writeConfig(SLOT, BAR0 + offset, 0xffff_ffff);
    expect(machine.readConfig(SLOT, BAR0)).toBe(0xffff_f000);
    expect(machine.readConfig(SLOT, BAR0 + 4)).toBe(0xffff_ffc1);
    expect(machine.readConfig(SLOT, BAR0 + 8)).toBe(0xffff_000c);
    expect(machine.readConfig(SLOT, BAR0 + 12)).toBe(0xffff_ffff);
    expect(machine.readConfig(SLOT, BAR0 + 16)).toBe(0);
  });

  it('map while the command register enables them, wherever the guest moves them', () => {
    machine.writeConfig(SLOT, BAR0, 0xc000_0000);
    machine.mmio.write(0xc000_0010, 4, 1);
    expect(memory.accesses).toEqual([]);
    machine.writeConfig(SLOT, COMMAND, 2, 2);
    machine.mmio.write(0xc000_0010, 4, 2);
    machine.writeConfig(SLOT, BAR0, 0xd000_0000);
    machine.mmio.write(0xc000_0010, 4, 3);
    expect(machine.mmio.read(0xd000_0fff, 1)).toBe(0x5a);
    machine.writeConfig(SLOT, COMMAND, 0, 2);
    machine.mmio.write(0xd000_0010, 4, 4);
    expect(memory.accesses).toEqual(['write 16 4 2', 'read 4095']);
    machine.writeConfig(SLOT, BAR0 + 4, 0xc001);
    machine.writeConfig(SLOT, COMMAND, 1, 2);
    machine.ports.write(0xc03f, 1, 7);
    expect(ports.accesses).toEqual(['write 63 1 7']);
  });

  it('reach beyond 4 GiB', () => {
    machine.writeConfig(SLOT, COMMAND, 2, 2);
    machine.writeConfig(SLOT, BAR0 + 12, 0x12);
    machine.writeConfig(SLOT, BAR0 + 8, 0x3456_0000);
    expect(machine.mmio.read(0x12_3456_0008, 4)).toBe(0x5a);
    expect(memory.accesses).toEqual(['read 8']);
  });

  it('get nothing where RAM, another device or the end of the space is', () => {
    machine.writeConfig(SLOT, COMMAND, 3, 2);
    for (const base of [0x10_0000, ECAM_BASE, 0xffff_f000]) {
      machine.writeConfig(SLOT, BAR0, base);
      const claimed = machine.mmio.at(base)?.owner;
      expect(claimed).toBe(base === ECAM_BASE ? 'pci-ecam' : base === 0xffff_f000 ? 'card' : undefined);
    }
    machine.writeConfig(SLOT, BAR0 + 4, 0x0c81);
    expect(machine.ports.at(0x0c80)?.owner).toBe('card');
    // Here it would cover the configuration ports.
    machine.writeConfig(SLOT, BAR0 + 4, 0x0cc1);
    expect(machine.ports.at(0x0cc0)).toBeUndefined();
    expect(machine.ports.at(0x0c80)).toBeUndefined();
    machine.writeConfig(SLOT, BAR0 + 12, 0xffff_ffff);
    expect(machine.mmio.at(2 ** 52 - 1)).toBeUndefined();
  });

  it('are assigned before the guest starts, without overlap', () => {
    const other = new PciFunction('other', { ...HOST_BRIDGES.hostbridge, classCode: 0x020000 }, machine);
    other.addBar({ index: 0, space: 'mmio', size: 0x4000, target: new Scratch() });
    machine.root.add(other);
    assignResources(machine.root);
    const bars = [...card.bars, ...other.bars];
    expect(bars.every(bar => bar.mapped)).toBe(true);
    for (const { address, options } of bars) {
      const window = options.space === 'port' ? PORT_WINDOW : MEMORY_WINDOW;
      expect(address % options.size).toBe(0);
      expect(address).toBeGreaterThanOrEqual(window.base);
      expect(address + options.size).toBeLessThanOrEqual(window.base + window.size);
    }
    expect(machine.readConfig(SLOT, COMMAND, 2)).toBe(7);
  });

  it('are refused when the window is too small', () => {
    card.addBar({ index: 5, space: 'mmio', size: 2 ** 30, target: memory });
    expect(() => assignResources(machine.root)).toThrow(/mmio addresses/);
  });
});

describe('interrupts and state', () => {
  it('drives its line unless the command register forbids it, and tells so in either case', () => {
    const gsi = machine.readConfig(SLOT, 0x3c, 1);
    expect(gsi).toBe(19);
    card.setIntx(true);
    expect(machine.lines.get(gsi)).toBe(true);
    expect(machine.readConfig(SLOT, STATUS, 2) & 8).toBe(8);
    machine.writeConfig(SLOT, COMMAND, 0x400, 2);
    expect(machine.lines.get(gsi)).toBe(false);
    expect(machine.readConfig(SLOT, STATUS, 2) & 8).toBe(8);
    machine.writeConfig(SLOT, COMMAND, 0, 2);
    expect(machine.lines.get(gsi)).toBe(true);
    card.setIntx(false);
    expect(machine.lines.get(gsi)).toBe(false);
    expect(machine.readConfig(SLOT, STATUS, 2) & 8).toBe(0);
  });

  it('goes on from its saved state, and back to that after power-on', () => {
    machine.writeConfig(SLOT, BAR0, 0xc000_0000);
    machine.writeConfig(SLOT, COMMAND, 2, 2);
    card.setIntx(true);
    const state = structuredClone(card.save());
    card.reset();
    expect(machine.mmio.at(0xc000_0000)).toBeUndefined();
    expect(machine.lines.get(19)).toBe(false);
    expect(machine.readConfig(SLOT, BAR0)).toBe(0);
    card.load(state);
    expect(machine.mmio.at(0xc000_0000)?.owner).toBe('card');
    expect(machine.lines.get(19)).toBe(true);
  });

  it('refuses a slot that is taken', () => {
    const another = new PciFunction('another', ISA_BRIDGE, machine);
    expect(() => machine.root.add(another, SLOT)).toThrow(/slot 3, where card is/);
  });
});
