import { hidden, observed, section, type Clause, type Statement } from '../clause.js';

function driver(specification: string, number: string, statements: readonly Statement[]): readonly Clause[] {
  return section(specification, number, 'driver', statements);
}

/** Drivers of the serial port, from National's data sheet of the PC16550D, whose sections these are. */
const UART: readonly Clause[] = [
  ...driver('16550', '8.1', [
    ['dlab', 'MUST', 'clears DLAB before it uses RBR, THR and IER', observed],
    [
      'break-sequence',
      'MUST',
      'sends a break so that no wrong characters go out',
      hidden('the line is infinitely fast: nothing is on its way when a break begins'),
    ],
  ]),
  ...driver('16550', '8.3', [
    ['loads-divisor', 'MUST', 'loads both divisor latches during initialization', observed],
  ]),
  ...driver('16550', '8.4', [
    ['lsr-read-only', 'SHOULD NOT', 'writes nothing to the line status register', observed],
    [
      'ready',
      'SHOULD',
      'loads THR only when THRE says that it is empty',
      hidden('the transmitter is always empty, whether a driver has looked or not'),
    ],
  ]),
  ...driver('16550', '8.5', [
    ['fcr-enable', 'MUST', 'sets bit 0 of FCR when it writes other bits of it', observed],
  ]),
];

/** Drivers of the high precision event timers, from Intel's IA-PC HPET specification 1.0a, whose sections these are. */
const HPET: readonly Clause[] = [
  ...driver('hpet', '2.3.2', [
    ['boundaries', 'MUST NOT', 'accesses 32 or 64 bits, aligned, across no register’s boundary', observed],
    ['read-only', 'SHOULD NOT', 'does not write to the capabilities', observed],
  ]),
  ...driver('hpet', '2.3.5', [
    ['preserves-reserved', 'SHOULD NOT', 'modifies no reserved bit of the general configuration', observed],
  ]),
  ...driver('hpet', '2.3.6', [
    ['edge-status-0', 'SHOULD', 'writes 0 to status bits of edge-triggered timers', observed],
    ['reserved', 'SHOULD', 'writes 0 to bits 63 to 32 of the interrupt status', observed],
  ]),
  ...driver('hpet', '2.3.7', [
    ['halted', 'SHOULD', 'writes the main counter only while it is halted', observed],
  ]),
  ...driver('hpet', '2.3.8', [
    ['valid-route', 'MUST', 'routes timers to interrupts of INT_ROUTE_CAP alone', observed],
    ['val-set', 'SHOULD NOT', 'sets VAL_SET of periodic timers alone', observed],
    ['reserved', 'SHOULD', 'writes 0 to reserved bits of a timer’s configuration', observed],
    ['unimplemented', 'SHOULD NOT', 'accesses no timer that is not there', observed],
  ]),
  ...driver('hpet', '2.3.9.2.1', [
    [
      'far-enough',
      'MUST',
      'sets comparators so far ahead that the counter does not pass them first',
      hidden('what counts as far enough is known to the driver alone: it may look again'),
    ],
  ]),
];

/** Drivers of the I/O APIC, from Intel's data sheet of the 82093AA, whose sections these are. */
const IOAPIC: readonly Clause[] = [
  ...driver('ioapic', '3.0', [['window-dword', 'MUST', 'accesses IOWIN by 32 bits', observed]]),
  ...driver('ioapic', '3.2.1', [
    [
      'id-first',
      'MUST',
      'programs the id before messages are sent',
      hidden('there is no APIC bus on which the id would mean something'),
    ],
  ]),
  ...driver('ioapic', '3.2.4', [
    ['reserved-mode', 'MUST NOT', 'programs no reserved delivery mode', observed],
    ['edge-mode', 'MUST', 'programs SMI, NMI, INIT and ExtINT as edge-triggered', observed],
    ['smi-vector', 'MUST', 'programs the vector of an SMI as 0', observed],
    ['vector-range', 'MUST', 'unmasks no entry with a vector outside 0x10 to 0xFE', observed],
  ]),
];

/** Drivers of local APICs, from chapter 11 of Intel's SDM, volume 3. */
const LAPIC: readonly Clause[] = [
  ...driver('lapic', '11.4.1', [
    ['aligned', 'MUST NOT', 'touches no byte of a register but the first four of its sixteen', observed],
  ]),
  ...driver('lapic', '11.5.2', [
    ['vector', 'MUST NOT', 'uses none of the vectors 0 to 15 for interrupts', observed],
  ]),
  ...driver('lapic', '11.5.3', [['reserved', 'MUST NOT', 'accesses no reserved register', observed]]),
  ...driver('lapic', '11.6.1', [
    [
      'delivery-status',
      'SHOULD',
      'waits for the delivery status before the next command',
      hidden('commands are delivered at once: the status is always idle'),
    ],
  ]),
  ...driver('lapic', '11.8.5', [
    [
      'in-service',
      'SHOULD NOT',
      'ends no interrupt when none is in service, spurious ones among them',
      observed,
    ],
  ]),
];

/** Operating systems and ACPI's fixed hardware: ACPI 6.5, whose sections these are. */
const ACPI_POWER: readonly Clause[] = [
  ...driver('acpi', '4.6.1', [
    ['event-reserved', 'MUST', 'writes 0 to reserved bits of PM1 status and enable registers', observed],
    ['control-reserved', 'MUST', 'preserves reserved bits of the PM1 control register', observed],
  ]),
  ...driver('acpi', '4.8.3.2.1', [
    ['sci-en', 'MUST', 'preserves SCI_EN when it writes the PM1 control register', observed],
  ]),
];

/** What the data sheets of a PC's chips ask of drivers. */
export const PC_DRIVER: readonly Clause[] = [UART, HPET, IOAPIC, LAPIC, ACPI_POWER].flat();
