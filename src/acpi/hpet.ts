import { u16, u32, u8 } from 'buffer-layout';
import { HPET_BASE, hpetSize, hpetCapabilities, type HpetModel } from '../devices/legacy/hpet.js';
import { MIN_TICKS } from '../devices/legacy/hpet-timer.js';
import { encode, structure } from '../vmm/layout.js';
import { device, eisaId, integer, memory32Fixed, name, resourceTemplate, type Statement } from './aml.js';
import { genericAddress, memoryRegister, type GenericAddress } from './generic-address.js';
import { table } from './table.js';

interface HpetBody {
  readonly eventTimerBlockId: number;
  readonly base: GenericAddress;
  readonly number: number;
  readonly minimumTick: number;
  readonly pageProtection: number;
}

/** IA-PC HPET 1.0a, 3.2.4. */
const BODY = structure<HpetBody>(
  [u32('eventTimerBlockId'), genericAddress('base'), u8('number'), u16('minimumTick'), u8('pageProtection')],
  56 - 36,
);

const REVISION = 1;

/** Where the high precision event timers are, and what they can do. */
export function hpetTable(model: HpetModel): Uint8Array {
  const body = encode(BODY, {
    eventTimerBlockId: hpetCapabilities(model),
    base: memoryRegister(HPET_BASE),
    number: 0,
    minimumTick: MIN_TICKS,
    pageProtection: 0,
  });
  return table('HPET', REVISION, body);
}

/** The device whose driver gives programs the timers that the kernel leaves over. */
export function hpetDevice(model: HpetModel): Statement {
  return device(
    'HPET',
    name('_HID', eisaId('PNP0103')),
    name('_UID', integer(0)),
    name('_CRS', resourceTemplate(memory32Fixed(HPET_BASE, hpetSize(model)))),
  );
}
