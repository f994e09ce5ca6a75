import type { I8042 } from '../../src/devices/legacy/i8042.js';
import type { AcpiPm } from '../../src/devices/legacy/acpi-pm.js';
import type { AccessSize } from '../../src/vmm/device.js';
import { FuzzMachine } from './fuzz-machine.js';
import { pick, valueOf, type Operation } from './operations.js';
import { pciOperations } from './pci-operations.js';
import type { MakeTarget, Target } from './target.js';

const SIZES: readonly AccessSize[] = [1, 2, 4];
const LINES = [0, 1, 3, 4, 5, 8, 9, 10, 11, 12, 16, 20, 23] as const;

/** Accesses of any size and value at any offset of what a device claims, and its reset and state. */
function accesses(machine: FuzzMachine, names: readonly string[]): Operation[] {
  const devices = names.map(name => machine.board.device(name)!);
  const ranges = devices.flatMap(device => device.ranges);
  const access = (
    range: (typeof ranges)[number],
    offset: number,
    size: AccessSize,
    b: number,
    value: number,
  ): void => {
    const at = range.base + offset;
    if (range.space === 'port') {
      if (b & 1) machine.portRead(at, size);
      else machine.portWrite(at, size, value);
    } else if (b & 1) machine.mmioRead(at, size);
    else machine.mmioWrite(at, size, value);
  };
  return [
    {
      // In the first 1 KiB, at multiples of the width: where registers are.
      name: 'register',
      weight: 30,
      run: (a, b, c) => {
        const range = pick(ranges, a);
        const size = range.space === 'mmio' ? 4 : 1;
        const offset = (((a >>> 8) * size) % Math.min(range.size, 0x400)) & -size;
        access(range, offset, size, b, c & 0x100 ? c & 0xff : valueOf(c));
      },
    },
    {
      name: 'access',
      weight: 10,
      run: (a, b, c) => {
        const range = pick(ranges, a);
        access(range, (a >>> 8) % range.size, pick(SIZES, b >>> 1), b, valueOf(c));
      },
    },
    { name: 'elapse', weight: 8, run: a => machine.elapseRandomly(a) },
    {
      name: 'save-load',
      weight: 1,
      run: a => {
        const device = pick(devices, a >>> 3);
        if ((a & 7) === 0)
          device.load(JSON.parse(JSON.stringify(device.save())) as ReturnType<typeof device.save>);
      },
    },
    { name: 'reset', weight: 1, run: a => ((a & 7) === 0 ? machine.board.reset() : undefined) },
  ];
}

function target(
  names: readonly string[],
  more: (machine: FuzzMachine) => readonly Operation[] = () => [],
  parts: ConstructorParameters<typeof FuzzMachine>[0] = {},
): MakeTarget {
  return (): Target => {
    const machine = new FuzzMachine(parts);
    machine.powerOn();
    return { machine, operations: [...accesses(machine, names), ...more(machine)] };
  };
}

/** Interrupts from devices, their acknowledgement and their end. */
function interrupts(machine: FuzzMachine): Operation[] {
  const lines = LINES.map(gsi => machine.board.irq(gsi));
  const { dispatcher } = machine.board;
  return [
    { name: 'line', weight: 12, run: (a, b) => pick(lines, a).set((b & 1) !== 0) },
    { name: 'acknowledge', weight: 6, run: () => void dispatcher.acknowledgePic() },
    { name: 'eoi', weight: 6, run: a => dispatcher.eoi(a & 0xff) },
    {
      // Redirection entries are behind an index: a pair of writes that random ones seldom make.
      name: 'ioapic-entry',
      weight: 12,
      run: (a, b) => {
        machine.mmioWrite(0xfec0_0000, 4, 0x10 + (a % 50));
        machine.mmioWrite(0xfec0_0010, 4, b & 0x8000_0000 ? valueOf(b) : b & 0x1_ffff);
        return 2;
      },
    },
    {
      name: 'pic-init',
      weight: 3,
      run: (a, b) => {
        const base = a & 1 ? 0xa0 : 0x20;
        [0x11 | (a & 0x0a), b & 0xff, (b >>> 8) & 0xff, (b >>> 16) & 0x1f].forEach((value, i) =>
          machine.portWrite(base + (i > 0 ? 1 : 0), 1, value),
        );
        return 4;
      },
    },
  ];
}

function uart(machine: FuzzMachine): Operation[] {
  const [port] = machine.board.uarts;
  return [
    { name: 'receive', weight: 10, run: a => void port.receive(a & 0xff) },
    { name: 'break', weight: 2, run: () => void port.receiveBreak() },
    {
      name: 'modem',
      weight: 2,
      run: (a, b) => port.setModemInput(pick(['cts', 'dsr', 'ri', 'dcd'] as const, a), (b & 1) !== 0),
    },
  ];
}

function keyboard(machine: FuzzMachine): Operation[] {
  const i8042 = machine.board.device('i8042') as I8042;
  return [{ name: 'key', weight: 8, run: (a, b) => void i8042.pressKey([a & 0xff, b & 0xff]) }];
}

function powerButton(machine: FuzzMachine): Operation[] {
  const pm = machine.board.device('acpi-pm') as AcpiPm;
  return [{ name: 'power-button', weight: 2, run: () => pm.pressPowerButton() }];
}

/** By family, and behind a slash what is particular about the target. */
export const LEGACY_TARGETS: Readonly<Record<string, MakeTarget>> = {
  uart: target(['com1', 'com2'], uart),
  hpet: target(['hpet']),
  'hpet/32': target(['hpet'], () => [], { hpet: { width: 32, timers: 3, msi: false } }),
  pit: target(['pit']),
  rtc: target(['rtc']),
  interrupts: target(['pic', 'ioapic'], interrupts),
  i8042: target(['i8042', 'reset-control'], keyboard),
  power: target(['acpi-pm', 'pvpanic', 'debug-exit', 'debug-console', 'post-code'], powerButton),
  pci: target(['pci-config', 'pci-ecam'], machine => pciOperations(machine, [0, 1, 2, 31])),
};
