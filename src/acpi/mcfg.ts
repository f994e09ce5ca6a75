import { blob, nu64, u16, u8 } from 'buffer-layout';
import { ECAM_BASE } from '../devices/pci/config-access.js';
import { encode, structure } from '../vmm/layout.js';
import { table } from './table.js';

interface Allocation {
  readonly base: number;
  readonly segment: number;
  readonly firstBus: number;
  readonly lastBus: number;
}

/** Configuration space base address allocation structure (PCI Firmware 3.2, table 4-3). */
const ALLOCATION = structure<Allocation>(
  [nu64('base'), u16('segment'), u8('firstBus'), u8('lastBus'), blob(4)],
  16,
);

const REVISION = 1;
const RESERVED = new Uint8Array(8);

/** Where PCI configuration space lies in memory (PCI Firmware 3.2, 4.1.2): bus 0 is all that there is. */
export function mcfg(): Uint8Array {
  const allocation = encode(ALLOCATION, { base: ECAM_BASE, segment: 0, firstBus: 0, lastBus: 0 });
  return table('MCFG', REVISION, Buffer.concat([RESERVED, allocation]));
}
