import { observed, section, type Clause, type Statement } from '../clause.js';

function chip(specification: string, number: string, statements: readonly Statement[]): readonly Clause[] {
  return section(specification, number, 'device', statements);
}

/** The serial port, from National's data sheet of the PC16550D, whose sections these are. */
const UART: readonly Clause[] = [
  ...chip('16550', '8.3', [['divisor', 'MUST', 'reads back the divisor latches while DLAB is 1', observed]]),
  ...chip('16550', '8.4', [
    ['empty', 'MUST', 'shows THRE and TEMT when there is nothing to send', observed],
    ['overrun', 'MUST', 'shows OE once when a character was lost', observed],
    ['data-ready', 'MUST', 'shows DR while there are characters to read', observed],
  ]),
  ...chip('16550', '8.5', [
    ['fifo-id', 'MUST', 'shows the upper bits of IIR as 11 while FIFOs are enabled', observed],
    ['fifo-reset', 'MUST', 'has an empty receive FIFO after its reset bit is written', observed],
  ]),
  ...chip('16550', '8.6', [
    ['thr-empty', 'MUST', 'reports the transmitter’s interrupt until IIR is read', observed],
    ['priority', 'MUST', 'reports received data before the empty transmitter', observed],
    ['none', 'MUST', 'has bit 0 of IIR set when no interrupt is pending', observed],
  ]),
  ...chip('16550', '8.8', [
    ['loopback', 'MUST', 'receives in loopback what it sends', observed],
    ['loopback-modem', 'MUST', 'has the modem outputs at its inputs in loopback', observed],
  ]),
  ...chip('16550', '8.9', [['deltas', 'MUST', 'clears the deltas of MSR when it is read', observed]]),
  ...chip('16550', '8.10', [['scratch', 'MUST', 'keeps what is written to the scratch register', observed]]),
];

/** The high precision event timers, from Intel's IA-PC HPET specification 1.0a, whose sections these are. */
const HPET: readonly Clause[] = [
  ...chip('hpet', '2.3.4', [
    ['period', 'MUST', 'has a period of 1 to 0x05F5E100 femtoseconds', observed],
    ['revision', 'MUST', 'has a revision that is not 0', observed],
    ['timers', 'MUST', 'has three timers or more', observed],
    ['vendor', 'MUST', 'has a PCI vendor id', observed],
    ['capabilities-read-only', 'MUST', 'keeps its capabilities whatever is written there', observed],
  ]),
  ...chip('hpet', '2.3.5', [
    ['halts', 'MUST', 'does not count while ENABLE_CNF is 0', observed],
    ['counts', 'MUST', 'counts while ENABLE_CNF is 1', observed],
    ['reserved', 'MUST', 'reads 0 of reserved bits of the configuration', observed],
  ]),
  ...chip('hpet', '2.3.6', [
    ['level-status', 'MUST', 'sets the status bit of a level-triggered timer', observed],
    ['write-1-clears', 'MUST', 'clears a status bit by writing 1, not by writing 0', observed],
    ['edge-status', 'MUST', 'leaves the status bit of an edge-triggered timer 0', observed],
  ]),
  ...chip('hpet', '2.3.7', [['counter-written', 'MUST', 'takes a new count while it is halted', observed]]),
  ...chip('hpet', '2.3.8', [
    ['32-bit', 'MUST', 'has 32 bits in TN_32MODE_CNF', observed],
    ['routes', 'MUST', 'takes the routes that it says it has', observed],
    ['periodic', 'MUST', 'adds the period to the comparator at each match', observed],
  ]),
];

/** The I/O APIC, from Intel's data sheet of the 82093AA, whose sections these are. */
const IOAPIC: readonly Clause[] = [
  ...chip('ioapic', '3.2.1', [['id', 'MUST', 'keeps the id in bits 27 to 24', observed]]),
  ...chip('ioapic', '3.2.2', [
    ['entries', 'MUST', 'tells 24 entries in its version register', observed],
    ['version-read-only', 'MUST', 'keeps its version whatever is written there', observed],
  ]),
  ...chip('ioapic', '3.2.4', [
    ['masked', 'MUST', 'has each entry masked after power-on, or as firmware left it', observed],
    ['read-only-bits', 'MUST', 'does not let delivery status and remote IRR be written', observed],
    ['remote-irr', 'MUST', 'has remote IRR set from delivery to EOI of a level', observed],
    ['level-again', 'MUST', 'sends a level again that is there after its EOI', observed],
    ['masked-edge', 'MUST', 'delivers no edge of a masked pin', observed],
  ]),
];

/** The local APIC, from chapter 11 of Intel's SDM, volume 3. */
const LAPIC: readonly Clause[] = [
  ...chip('lapic', '11.4.8', [['version', 'MUST', 'has version 0x10 to 0x15', observed]]),
  ...chip('lapic', '11.5.4', [
    ['one-shot', 'MUST', 'counts down once in one-shot mode and stays at 0', observed],
    ['timer-stops', 'MUST', 'stops when 0 is written to the initial count', observed],
    ['periodic', 'MUST', 'loads the initial count again in periodic mode', observed],
  ]),
  ...chip('lapic', '11.6.1', [
    ['self-ipi', 'MUST', 'delivers an interrupt that it sends to itself', observed],
  ]),
  ...chip('lapic', '11.8.3', [
    ['task-priority', 'MUST', 'holds interrupts back that TPR is above', observed],
  ]),
  ...chip('lapic', '11.8.4', [
    ['in-service', 'MUST', 'has the ISR bit of a vector set until its EOI', observed],
    ['pending', 'MUST', 'has the IRR bit of a vector set until it is taken', observed],
  ]),
  ...chip('lapic', '11.9', [['spurious', 'MUST', 'keeps vector and enable bit of SVR', observed]]),
];

/** Fixed hardware of ACPI 6.5, whose sections these are. */
const ACPI_POWER: readonly Clause[] = [
  ...chip('acpi', '4.8.3.1.1', [['status-clears', 'MUST', 'clears status bits by writing 1', observed]]),
  ...chip('acpi', '4.8.3.1.2', [['enable-keeps', 'MUST', 'keeps the enable bits of fixed events', observed]]),
  ...chip('acpi', '4.8.3.2.1', [
    ['sci-enabled', 'MUST', 'has SCI_EN set where there is no SMI command port', observed],
    ['slp-en-0', 'MUST', 'reads 0 of SLP_EN', observed],
  ]),
  ...chip('acpi', '4.8.3.3', [
    ['timer-rate', 'MUST', 'counts at 3.579545 MHz', observed],
    ['timer-read-only', 'MUST', 'goes on counting whatever is written to the timer', observed],
  ]),
];

/** What the data sheets of a PC's chips ask of them. */
export const PC_DEVICE: readonly Clause[] = [UART, HPET, IOAPIC, LAPIC, ACPI_POWER].flat();
