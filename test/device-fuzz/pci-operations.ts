import type { AccessSize } from '../../src/vmm/device.js';
import { ECAM_BASE } from '../../src/devices/pci/config-access.js';
import type { FuzzMachine } from './fuzz-machine.js';
import { pick, valueOf, type Operation } from './operations.js';

const SIZES: readonly AccessSize[] = [1, 2, 4];
const MSIX = 0x11;

/** Configuration space by both mechanisms, base addresses, and the table of MSI-X. */
export function pciOperations(machine: FuzzMachine, slots: readonly number[]): Operation[] {
  const msix = new Map(slots.map(slot => [slot, capability(machine, slot, MSIX)]));
  const windows = new Map(slots.map(slot => [slot, virtioWindow(machine, slot)]));
  return [
    {
      name: 'pci-config',
      weight: 3,
      run: (a, b) => {
        const slot = pick(slots, a);
        const offset = (a >>> 8) & 0xff;
        const size = pick(SIZES, a >>> 16);
        if (b & 1) machine.configRead(slot, offset, size);
        else machine.configWrite(slot, offset, size, valueOf(b >>> 1));
        return 2;
      },
    },
    {
      name: 'pci-ecam',
      weight: 2,
      run: (a, b) => {
        const at = ECAM_BASE + pick(slots, a) * 0x8000 + ((a >>> 8) & 0xfff);
        if (b & 1) machine.mmioRead(at, pick(SIZES, a >>> 20));
        else machine.mmioWrite(at, pick(SIZES, a >>> 20), valueOf(b >>> 1));
      },
    },
    {
      // Back to where firmware has put everything, so that a case does not end when it has moved a base address.
      name: 'pci-firmware',
      weight: 1,
      run: a => {
        const slot = pick(slots, a);
        machine.configWrite(slot, 0x04, 2, 7);
        machine.configWrite(slot, 0x10, 4, 0xc000);
        machine.configWrite(slot, 0x14, 4, 0xc001_0000);
        machine.configWrite(slot, 0x20, 4, 0xc000_0000);
        machine.configWrite(slot, 0x24, 4, 0);
        return 10;
      },
    },
    {
      name: 'pci-window',
      weight: 2,
      run: (a, b, c) => {
        const slot = pick(slots, a);
        const window = windows.get(slot);
        if (!window) return 1;
        machine.configWrite(slot, window + 4, 1, pick([0, 1, 2, 4, 5, 255], a >>> 4));
        machine.configWrite(slot, window + 8, 4, valueOf(b));
        machine.configWrite(slot, window + 12, 4, pick([0, 1, 2, 3, 4, 8], a >>> 8));
        if (c & 1) machine.configRead(slot, window + 16, pick(SIZES, a >>> 12));
        else machine.configWrite(slot, window + 16, pick(SIZES, a >>> 12), valueOf(c >>> 1));
        return 8;
      },
    },
    {
      name: 'msix-control',
      weight: 2,
      run: (a, b) => {
        const slot = pick(slots, a);
        const at = msix.get(slot);
        if (at) machine.configWrite(slot, at + 2, 2, b & 1 ? valueOf(b) : 0x8000);
        return 2;
      },
    },
    {
      name: 'msix-table',
      weight: 4,
      run: (a, b, c) => {
        const base = machine.configRead(pick(slots, a), 0x14, 4);
        const at = base + (a & 0x8000_0000 ? valueOf(b) & 0xfff : 4 * ((a >>> 8) % 40));
        if (c & 1) machine.mmioRead(at, 4);
        else machine.mmioWrite(at, c & 2 ? pick(SIZES, c >>> 2) : 4, valueOf(b));
        return 2;
      },
    },
  ];
}

function capability(machine: FuzzMachine, slot: number, id: number): number {
  return capabilities(machine, slot).find(at => machine.configRead(slot, at, 1) === id) ?? 0;
}

/** Offsets of a function's capabilities; none where there is no function. */
function capabilities(machine: FuzzMachine, slot: number): number[] {
  const found: number[] = [];
  if (machine.configRead(slot, 0, 2) === 0xffff) return found;
  for (let at = machine.configRead(slot, 0x34, 1); at !== 0; at = machine.configRead(slot, at + 1, 1))
    found.push(at);
  return found;
}

/** The capability of type 5, by which configuration space reaches the virtio structures (virtio 1.3, 4.1.4.9). */
function virtioWindow(machine: FuzzMachine, slot: number): number {
  const isWindow = (at: number): boolean =>
    machine.configRead(slot, at, 1) === 9 && machine.configRead(slot, at + 3, 1) === 5;
  return capabilities(machine, slot).find(isWindow) ?? 0;
}
