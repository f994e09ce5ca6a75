import type { DeviceState } from '../../vmm/device.js';
import type { MonitorCommand } from '../command.js';
import { hexDigits } from '../format.js';

/** What `save()` of the PIC and of the IOAPIC tells, as far as it is shown. */
interface ChipState {
  readonly pins: number;
  readonly edges: number;
  readonly imr: number;
  readonly isr: number;
  readonly base: number;
  readonly elcr: number;
}

interface IoapicState {
  readonly id: number;
  readonly select: number;
  readonly pins: number;
  readonly low: readonly number[];
  readonly high: readonly number[];
}

const DELIVERY_MODES = ['fixed', 'lowest', 'SMI', 'mode 3', 'NMI', 'INIT', 'mode 6', 'ExtINT'];

function chipLine(name: string, { pins, edges, imr, isr, base, elcr }: ChipState): string {
  const requests = (edges & ~elcr) | (pins & elcr);
  const fields = Object.entries({ irr: requests, imr, isr, irq_base: base, elcr });
  return `${name}: ${fields.map(([field, value]) => `${field}=${hexDigits(value, 2)}`).join(' ')}`;
}

function pinLine(pin: number, low: number, high: number, level: boolean): string {
  const fields = [
    `vec=${low & 0xff}`,
    low & 0x2000 ? 'active-lo' : 'active-hi',
    low & 0x8000 ? 'level' : 'edge ',
    low & 0x1_0000 ? 'masked' : '      ',
    DELIVERY_MODES[(low >> 8) & 7],
    low & 0x800 ? 'logical' : 'physical',
    ...(low & 0x4000 ? ['remote-irr'] : []),
    ...(level ? ['high'] : []),
  ];
  const entry = `${hexDigits(high, 8)}${hexDigits(low, 8)}`;
  return `  pin ${String(pin).padEnd(2)} 0x${entry} dest=${high >>> 24} ${fields.join(' ')}`;
}

export const INTERRUPT_TOPICS: readonly MonitorCommand[] = [
  {
    name: 'irq',
    help: 'how often each interrupt has come',
    run: async (_, { machine }) => {
      const { interrupts, messages } = await machine.inspect();
      const lines = interrupts.flatMap(({ count, level }, gsi) =>
        count > 0 || level ? [`GSI ${String(gsi).padStart(2)}: ${count}${level ? ' (high)' : ''}`] : [],
      );
      return [...lines, `messages (MSI, MSI-X): ${messages}`];
    },
  },
  {
    name: 'pic',
    help: 'the interrupt controllers: PIC and IOAPIC',
    run: async (_, { machine }) => {
      const { devices } = await machine.inspect();
      const state = (name: string): Promise<DeviceState> | undefined =>
        devices.some(device => device.name === name) ? machine.device(name) : undefined;
      const pic = (await state('pic')) as { master: ChipState; slave: ChipState } | undefined;
      const ioapic = (await state('ioapic')) as IoapicState | undefined;
      return [
        ...(pic ? [chipLine('pic0', pic.master), chipLine('pic1', pic.slave)] : []),
        ...(ioapic
          ? [
              `ioapic0: id=0x${hexDigits(ioapic.id >>> 24, 2)} sel=0x${hexDigits(ioapic.select, 2)}`,
              ...ioapic.low.map((low, pin) =>
                pinLine(pin, low, ioapic.high[pin], (ioapic.pins & (1 << pin)) !== 0),
              ),
            ]
          : []),
      ];
    },
  },
];
