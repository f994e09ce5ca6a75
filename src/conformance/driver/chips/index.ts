import { AcpiPm } from '../../../devices/legacy/acpi-pm.js';
import { Hpet } from '../../../devices/legacy/hpet.js';
import { Ioapic } from '../../../devices/legacy/ioapic.js';
import { Uart16550 } from '../../../devices/legacy/uart16550.js';
import type { Device } from '../../../vmm/device.js';
import { AcpiPmRules } from './acpi-pm.js';
import { HpetRules, type HpetRegisters } from './hpet.js';
import { IoapicRules } from './ioapic.js';
import { Uart16550Rules } from './uart16550.js';
import type { ChipJudging, ChipRules } from './watched-chip.js';

/** What drivers of a kind of chip are held to. */
export interface ChipKind {
  /** That the ids of its clauses begin with. */
  readonly specification: string;
  readonly rules: (judge: ChipJudging) => ChipRules;
}

/** The kind of chip that a device is, if its drivers are checked. */
export function chipKind(device: Device): ChipKind | undefined {
  if (device instanceof Uart16550)
    return { specification: '16550', rules: judge => new Uart16550Rules(judge) };
  if (device instanceof Ioapic) return { specification: 'ioapic', rules: judge => new IoapicRules(judge) };
  if (device instanceof AcpiPm) return { specification: 'acpi', rules: judge => new AcpiPmRules(judge) };
  if (!(device instanceof Hpet)) return undefined;
  return { specification: 'hpet', rules: judge => new HpetRules(judge, registersOf(device)) };
}

function registersOf(hpet: Hpet): HpetRegisters {
  return {
    timers: ((hpet.capabilities >> 8) & 0x1f) + 1,
    routes: hpet.readRoutes(0),
    configuration: () => hpet.configuration,
    timerConfiguration: index => hpet.readConfig(index),
  };
}
