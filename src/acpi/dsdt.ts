import { S5_SLP_TYP } from '../devices/legacy/acpi-pm.js';
import { mmioSlots } from '../devices/virtio/transport/mmio-slots.js';
import type { HpetModel } from '../devices/legacy/hpet.js';
import type { ComPort } from '../devices/legacy/com-ports.js';
import {
  device,
  eisaId,
  encoded,
  integer,
  io,
  irq,
  irqNoFlags,
  name,
  packageOf,
  resourceTemplate,
  scope,
  string,
  type Descriptor,
  type Statement,
} from './aml.js';
import { hpetDevice } from './hpet.js';
import { pvpanic } from './pvpanic.js';
import { virtioMmio } from './virtio-mmio.js';
import { configurationSpace, hostBridge } from './pci.js';
import { table } from './table.js';

/** From 2 on, integers have 64 bits (ACPI 6.5, 5.2.11.1). */
const REVISION = 2;

export interface DsdtOptions {
  /** UIDs of the processors are 0 to `cpus` − 1, as in the MADT. */
  readonly cpus: number;
  readonly serialPorts: readonly ComPort[];
  readonly parts: DsdtParts;
}

/** What of the mainboard the tables tell. */
export interface DsdtParts {
  readonly pci: boolean;
  readonly pic: boolean;
  readonly rtc: boolean;
  readonly keyboard: boolean;
  readonly pit: boolean;
  readonly hpet: HpetModel | undefined;
  /** Virtio devices at fixed addresses. */
  readonly mmioSlots: number;
}

/**
 * Differentiated System Description Table (ACPI 6.5, 5.2.11.1): what a guest cannot find out by looking.
 */
export function dsdt({ cpus, serialPorts, parts }: DsdtOptions): Uint8Array {
  return table(
    'DSDT',
    REVISION,
    encoded(
      softOff(),
      scope(
        '\\_SB',
        ...processors(cpus),
        ...(parts.rtc ? [realTimeClock()] : []),
        ...(parts.pit ? [intervalTimer()] : []),
        ...(parts.hpet ? [hpetDevice(parts.hpet)] : []),
        pvpanic(),
        ...(parts.keyboard ? [keyboard()] : []),
        ...serialPorts.map(serialPort),
        ...mmioSlots(parts.mmioSlots, parts.pci).map(virtioMmio),
        ...(parts.pci ? [hostBridge(), configurationSpace()] : []),
      ),
    ),
  );
}

/**
 * `\_S5` (7.4.2.6): the values of SLP_TYP for PM1a_CNT and PM1b_CNT, and two reserved ones. The power button is the
 * fixed one of the PM1a event registers and has no device here.
 */
function softOff(): Statement {
  return name('\\_S5', packageOf(integer(S5_SLP_TYP), integer(0), integer(0), integer(0)));
}

/** Processor devices (8.4): `C000`, `C001`, … */
function processors(cpus: number): Statement[] {
  return Array.from({ length: cpus }, (_, uid) =>
    device(
      `C${uid.toString(16).toUpperCase().padStart(3, '0')}`,
      name('_HID', string('ACPI0007')),
      name('_UID', integer(uid)),
    ),
  );
}

function realTimeClock(): Statement {
  return device(
    'RTC',
    name('_HID', eisaId('PNP0B00')),
    name('_CRS', resourceTemplate(io(0x70, 2), irqNoFlags(8))),
  );
}

function intervalTimer(): Statement {
  return device(
    'TIMR',
    name('_HID', eisaId('PNP0100')),
    name('_CRS', resourceTemplate(io(0x40, 4), irqNoFlags(0))),
  );
}

function keyboard(): Statement {
  return device(
    'KBD',
    name('_HID', eisaId('PNP0303')),
    name('_CRS', resourceTemplate(io(0x60, 1), io(0x64, 1), irqNoFlags(1))),
  );
}

function serialPort({ base, isaIrq }: ComPort, index: number, all: readonly ComPort[]): Statement {
  const isShared = all.some(other => other.base !== base && other.isaIrq === isaIrq);
  return device(
    `COM${index + 1}`,
    name('_HID', eisaId('PNP0501')),
    name('_UID', integer(index + 1)),
    name('_CRS', resourceTemplate(io(base, 8), isShared ? sharedIsaIrq(isaIrq) : irqNoFlags(isaIrq))),
  );
}

/** COM1 and COM3, COM2 and COM4 share an interrupt, which drivers accept only when told. */
function sharedIsaIrq(number: number): Descriptor {
  return irq(number, { trigger: 'edge', polarity: 'high', sharing: 'shared' });
}
