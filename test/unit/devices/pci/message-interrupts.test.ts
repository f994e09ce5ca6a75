import { beforeEach, describe, expect, it } from 'vitest';
import { PciFunction } from '../../../../src/devices/pci/function.js';
import { Msi } from '../../../../src/devices/pci/msi.js';
import { Msix } from '../../../../src/devices/pci/msix.js';
import { PciMachine } from './pci-machine.js';

/** Expected behaviour from PCI Local Bus 3.0, section 6.8. */

const SLOT = 0;
const IDENTITY = { vendorId: 0x1234, deviceId: 1, classCode: 0xff0000 };
const APIC = 0xfee0_0000;

let machine: PciMachine;
let card: PciFunction;

beforeEach(() => {
  machine = new PciMachine();
  card = new PciFunction('card', IDENTITY, machine);
  machine.root.add(card);
});

describe('MSI-X', () => {
  const BAR = 0xc000_0000;
  const VECTORS = 5;
  const ENABLE = 0x8000;
  const FUNCTION_MASK = 0x4000;
  let msix: Msix;
  let capability: number;
  let pba: number;

  beforeEach(() => {
    msix = new Msix(VECTORS, card.config, 1, (address, data) => machine.sendMsi(address, data));
    card.addBar({ index: 1, space: 'mmio', size: msix.size, target: msix.target });
    machine.writeConfig(SLOT, 0x14, BAR);
    machine.writeConfig(SLOT, 0x04, 6, 2);
    [capability] = machine.capabilities(SLOT, 0x11);
    pba = BAR + (machine.readConfig(SLOT, capability + 8) & ~7);
  });

  const control = (value: number): void => machine.writeConfig(SLOT, capability + 2, value, 2);

  function program(vector: number, data: number, mask = 0): void {
    machine.mmio.write(BAR + vector * 16, 4, APIC);
    machine.mmio.write(BAR + vector * 16 + 4, 4, 0);
    machine.mmio.write(BAR + vector * 16 + 8, 4, data);
    machine.mmio.write(BAR + vector * 16 + 12, 4, mask);
  }

  it('tells its vectors, and where table and pending bits are', () => {
    expect(machine.readConfig(SLOT, capability + 2, 2)).toBe(VECTORS - 1);
    expect(machine.readConfig(SLOT, capability + 4)).toBe(1);
    expect(machine.readConfig(SLOT, capability + 8) & 7).toBe(1);
    expect(pba + 8 - BAR).toBeLessThanOrEqual(msix.size);
    // After reset all vectors are masked.
    expect(machine.mmio.read(BAR + 12, 4)).toBe(1);
  });

  it('sends a vector’s message', () => {
    program(2, 0x42);
    msix.raise(2);
    expect(machine.messages).toEqual([]);
    control(ENABLE);
    expect(msix.enabled).toBe(true);
    msix.raise(2);
    msix.raise(VECTORS);
    msix.raise(0xffff);
    expect(machine.messages).toEqual([[APIC, 0x42]]);
  });

  it.each([
    ['the vector', (on: boolean) => program(3, 0x33, on ? 1 : 0)],
    ['the function', (on: boolean) => control(on ? ENABLE | FUNCTION_MASK : ENABLE)],
    [
      'the bus, by the command register,',
      (on: boolean) => {
        machine.writeConfig(SLOT, 0x04, on ? 2 : 6, 2);
        msix.commandWritten();
      },
    ],
  ])('keeps it pending while %s is masked, and sends it once then', (_what, mask) => {
    program(3, 0x33);
    control(ENABLE);
    mask(true);
    msix.raise(3);
    msix.raise(3);
    expect(machine.messages).toEqual([]);
    expect(machine.mmio.read(pba, 4)).toBe(1 << 3);
    mask(false);
    expect(machine.messages).toEqual([[APIC, 0x33]]);
    expect(machine.mmio.read(pba, 4)).toBe(0);
  });

  it('uses the address and data of the time at which it sends', () => {
    program(0, 0x10, 1);
    control(ENABLE);
    msix.raise(0);
    program(0, 0x20, 1);
    expect(machine.messages).toEqual([]);
    machine.mmio.write(BAR + 12, 4, 0);
    expect(machine.messages).toEqual([[APIC, 0x20]]);
  });

  it('sends nothing to where no local APIC can be', () => {
    program(1, 0x10);
    machine.mmio.write(BAR + 16 + 4, 4, 1);
    control(ENABLE);
    msix.raise(1);
    expect(machine.messages).toEqual([]);
  });

  it('ignores what drivers must not write', () => {
    program(4, 0x44, 0xffff_fffe);
    control(ENABLE);
    machine.mmio.write(BAR + 4 * 16 + 8, 1, 0xff);
    machine.mmio.write(BAR + 4 * 16 + 9, 4, 0xff);
    machine.mmio.write(pba, 4, 0xffff_ffff);
    expect(machine.mmio.read(BAR + 4 * 16 + 12, 4)).toBe(0);
    expect(machine.mmio.read(pba, 4)).toBe(0);
    expect(machine.mmio.read(BAR + 4 * 16 + 8, 4)).toBe(0x44);
    for (let at = VECTORS * 16; at < msix.size; at += 4) machine.mmio.write(BAR + at, 4, 0xffff_ffff);
    for (let at = VECTORS * 16; at < msix.size; at += 4) expect(machine.mmio.read(BAR + at, 4)).toBe(0);
  });

  it('goes on from its saved state', () => {
    program(1, 0x11, 1);
    control(ENABLE);
    msix.raise(1);
    const state = structuredClone({ card: card.save(), msix: msix.save() });
    card.reset();
    msix.reset();
    expect(msix.enabled).toBe(false);
    card.load(state.card);
    msix.load(state.msix);
    machine.mmio.write(BAR + 16 + 12, 4, 0);
    expect(machine.messages).toEqual([[APIC, 0x11]]);
  });
});

describe('MSI', () => {
  let msi: Msi;
  let capability: number;

  beforeEach(() => {
    msi = new Msi(4, card.config, (address, data) => machine.sendMsi(address, data));
    machine.writeConfig(SLOT, 0x04, 4, 2);
    [capability] = machine.capabilities(SLOT, 5);
  });

  function enable(multiple: number, data = 0x40): void {
    machine.writeConfig(SLOT, capability + 4, APIC);
    machine.writeConfig(SLOT, capability + 12, data, 2);
    machine.writeConfig(SLOT, capability + 2, 1 | (multiple << 4), 2);
  }

  it('offers four vectors, 64-bit addresses and masking', () => {
    expect(machine.readConfig(SLOT, capability + 2, 2)).toBe((2 << 1) | (1 << 7) | (1 << 8));
    expect(msi.enabled).toBe(false);
    msi.raise(0);
    expect(machine.messages).toEqual([]);
  });

  it('puts the vector into the low bits of the data, as many as were granted', () => {
    enable(2);
    for (const vector of [0, 1, 3, 4]) msi.raise(vector);
    enable(0, 0x51);
    msi.raise(3);
    expect(machine.messages).toEqual([
      [APIC, 0x40],
      [APIC, 0x41],
      [APIC, 0x43],
      [APIC, 0x51],
    ]);
  });

  it('keeps masked vectors pending', () => {
    enable(2);
    machine.writeConfig(SLOT, capability + 16, 0b1010);
    msi.raise(1);
    msi.raise(2);
    msi.raise(3);
    expect(machine.messages).toEqual([[APIC, 0x42]]);
    expect(machine.readConfig(SLOT, capability + 20)).toBe(0b1010);
    machine.writeConfig(SLOT, capability + 16, 0b1000);
    expect(machine.messages).toEqual([
      [APIC, 0x42],
      [APIC, 0x41],
    ]);
    expect(machine.readConfig(SLOT, capability + 20)).toBe(0b1000);
  });
  it('sends nothing while the function may not master the bus', () => {
    enable(2);
    machine.writeConfig(SLOT, 0x04, 0, 2);
    msi.raise(1);
    msi.raise(1);
    expect(machine.messages).toEqual([]);
    machine.writeConfig(SLOT, 0x04, 4, 2);
    msi.commandWritten();
    expect(machine.messages).toEqual([[APIC, 0x41]]);
  });
});
