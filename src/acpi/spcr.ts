import { blob, u16, u32, u8 } from 'buffer-layout';
import type { ComPort } from '../devices/legacy/com-ports.js';
import { encode, structure } from '../vmm/layout.js';
import { BYTE_ACCESS, genericAddress, portRegister, type GenericAddress } from './generic-address.js';
import { table } from './table.js';

interface SpcrBody {
  readonly interfaceType: number;
  readonly base: GenericAddress;
  readonly interruptType: number;
  readonly irq: number;
  readonly gsi: number;
  readonly baudRate: number;
  readonly parity: number;
  readonly stopBits: number;
  readonly flowControl: number;
  readonly terminalType: number;
  readonly language: number;
  readonly pciDeviceId: number;
  readonly pciVendorId: number;
}

/** Serial Port Console Redirection Table, revision 2 (Microsoft, "Serial Port Console Redirection Table"). */
const BODY = structure<SpcrBody>(
  [
    u8('interfaceType'),
    blob(3),
    genericAddress('base'),
    u8('interruptType'),
    u8('irq'),
    u32('gsi'),
    u8('baudRate'),
    u8('parity'),
    u8('stopBits'),
    u8('flowControl'),
    u8('terminalType'),
    u8('language'),
    u16('pciDeviceId'),
    u16('pciVendorId'),
    // PCI bus, device, function, flags and segment, and what is reserved.
    blob(12),
  ],
  80 - 36,
);

const REVISION = 2;

const FULL_16550 = 0;
const PC_AT_IRQ = 1 << 0;
const IOAPIC = 1 << 1;
const BAUD_115200 = 7;
const ONE_STOP_BIT = 1;
const ANSI = 3;
const NO_PCI_DEVICE = 0xffff;

/** Where firmware has its console, for kernels that are to have theirs there too. */
export function spcr({ base, isaIrq }: ComPort): Uint8Array {
  const body = encode(BODY, {
    interfaceType: FULL_16550,
    base: portRegister(base, 1, BYTE_ACCESS),
    interruptType: PC_AT_IRQ | IOAPIC,
    irq: isaIrq,
    gsi: isaIrq,
    baudRate: BAUD_115200,
    parity: 0,
    stopBits: ONE_STOP_BIT,
    flowControl: 0,
    terminalType: ANSI,
    language: 0,
    pciDeviceId: NO_PCI_DEVICE,
    pciVendorId: NO_PCI_DEVICE,
  });
  return table('SPCR', REVISION, body);
}
