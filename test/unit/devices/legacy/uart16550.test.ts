import fc from 'fast-check';
import { beforeEach, describe, expect, it } from 'vitest';
import { COM1, COM2, COM3, COM4 } from '../../../../src/devices/legacy/com-ports.js';
import { Uart16550 } from '../../../../src/devices/legacy/uart16550.js';
import { MachineClock } from '../../../../src/vmm/clock.js';
import type { DeviceState } from '../../../../src/vmm/device.js';
import { PortGuest, RecordingLine, snapshot } from './port-guest.js';

const RBR = 0;
const THR = 0;
const DLL = 0;
const DLM = 1;
const IER = 1;
const IIR = 2;
const FCR = 2;
const LCR = 3;
const MCR = 4;
const LSR = 5;
const MSR = 6;
const SCR = 7;

const ERBFI = 0x01;
const ETBEI = 0x02;
const ELSI = 0x04;
const EDSSI = 0x08;
const OUT2 = 0x08;
const LOOP = 0x10;
const DLAB = 0x80;
const THR_AND_SHIFT_EMPTY = 0x60;
const DCD_DSR_CTS = 0xb0;

class Rig {
  timeNs = 0;
  readonly clock: MachineClock;
  readonly irq = new RecordingLine();
  readonly sent: number[] = [];
  readonly uart: Uart16550;
  private readonly guest: PortGuest;

  constructor() {
    this.clock = new MachineClock({ elapsed: () => this.timeNs, epoch: 0 });
    this.uart = new Uart16550({
      name: COM1.name,
      base: COM1.base,
      irq: this.irq,
      clock: this.clock,
      output: { write: byte => void this.sent.push(byte) },
    });
    this.guest = new PortGuest(this.uart);
  }

  in(register: number, size: 1 | 2 | 4 = 1): number {
    return this.guest.in(COM1.base + register, size);
  }

  out(register: number, value: number, size: 1 | 2 | 4 = 1): void {
    this.guest.out(COM1.base + register, value, size);
  }

  /** Looks often enough for a character to be taken for waiting. */
  poll(): void {
    for (let i = 0; i < 4; i++) this.in(LSR);
  }

  registerName(register: number, direction: 'read' | 'write'): string {
    const { base, target } = this.guest.bus.at(COM1.base + register)!;
    return target.registerName!(COM1.base + register - base, direction);
  }

  /** The machine's loop after `ns` have passed. */
  pass(ns: number): void {
    this.timeNs += ns;
    this.clock.tick();
    this.clock.runExpired();
  }

  receive(...bytes: number[]): void {
    for (const byte of bytes) expect(this.uart.receive(byte)).toBe(true);
  }

  /** FIFOs on, OUT2 open. `trigger` as in FCR bits 7–6. */
  enableFifos(trigger: 0 | 1 | 2 | 3, ier: number): void {
    this.out(FCR, 0x01 | (trigger << 6));
    this.out(MCR, OUT2);
    this.out(IER, ier);
  }

  drain(): number[] {
    const bytes: number[] = [];
    while (this.in(LSR) & 1) bytes.push(this.in(RBR));
    return bytes;
  }
}

let rig: Rig;
beforeEach(() => {
  rig = new Rig();
});

describe('the ports of a PC', () => {
  it('has COM1 to COM4 at their addresses and interrupts', () => {
    expect([COM1, COM2, COM3, COM4].map(({ base, isaIrq }) => [base, isaIrq])).toEqual([
      [0x3f8, 4],
      [0x2f8, 3],
      [0x3e8, 4],
      [0x2e8, 3],
    ]);
  });

  it('claims eight ports', () => {
    expect(rig.uart.ranges).toMatchObject([{ space: 'port', base: 0x3f8, size: 8 }]);
  });
});

describe('registers', () => {
  it('has the reset state of table I', () => {
    rig.out(SCR, 0xaa);
    rig.out(LCR, 0x1b);
    rig.enableFifos(3, 0x0f);
    rig.receive(1, 2);
    rig.uart.reset();
    expect([IER, IIR, LCR, MCR, LSR, MSR].map(register => rig.in(register))).toEqual([
      0x00,
      0x01,
      0x00,
      0x00,
      THR_AND_SHIFT_EMPTY,
      DCD_DSR_CTS,
    ]);
    expect(rig.irq.level).toBe(false);
  });

  it('keeps only the defined bits of IER and MCR', () => {
    rig.out(IER, 0xff);
    rig.out(MCR, 0xff);
    expect([rig.in(IER), rig.in(MCR)]).toEqual([0x0f, 0x1f]);
  });

  it('keeps all bits of SCR and LCR', () => {
    rig.out(SCR, 0xa5);
    rig.out(LCR, 0x7f);
    expect([rig.in(SCR), rig.in(LCR)]).toEqual([0xa5, 0x7f]);
  });

  it('shows the divisor latches instead of data and IER while DLAB is set', () => {
    rig.out(IER, ERBFI);
    rig.out(LCR, DLAB | 0x03);
    rig.out(DLL, 0x34);
    rig.out(DLM, 0x12);
    expect([rig.in(DLL), rig.in(DLM)]).toEqual([0x34, 0x12]);
    rig.out(LCR, 0x03);
    expect(rig.in(IER)).toBe(ERBFI);
    expect(rig.sent).toEqual([]);
  });

  it('takes the divisor in one word', () => {
    rig.out(LCR, DLAB);
    rig.out(DLL, 0x0180, 2);
    expect([rig.in(DLL), rig.in(DLM), rig.in(DLL, 2)]).toEqual([0x80, 0x01, 0x0180]);
  });

  it('ignores writes to LSR and MSR', () => {
    rig.out(LSR, 0x00);
    rig.out(MSR, 0x0f);
    expect([rig.in(LSR), rig.in(MSR)]).toEqual([THR_AND_SHIFT_EMPTY, DCD_DSR_CTS]);
  });

  it('names its registers by bank and direction', () => {
    expect(rig.registerName(0, 'read')).toBe('RBR');
    expect(rig.registerName(0, 'write')).toBe('THR');
    expect(rig.registerName(2, 'read')).toBe('IIR');
    expect(rig.registerName(2, 'write')).toBe('FCR');
    rig.out(LCR, DLAB);
    expect(rig.registerName(0, 'read')).toBe('DLL');
    expect(rig.registerName(1, 'write')).toBe('DLM');
  });
});

describe('transmission', () => {
  it('sends at once and is always empty', () => {
    for (const byte of [0x48, 0x69, 0xff]) {
      expect(rig.in(LSR)).toBe(THR_AND_SHIFT_EMPTY);
      rig.out(THR, byte);
    }
    expect(rig.sent).toEqual([0x48, 0x69, 0xff]);
    expect(rig.in(LSR)).toBe(THR_AND_SHIFT_EMPTY);
  });

  it('sends nothing while the line is in break', () => {
    rig.out(LCR, 0x43);
    rig.out(THR, 0x00);
    rig.out(LCR, 0x03);
    rig.out(THR, 0x41);
    expect(rig.sent).toEqual([0x41]);
  });
});

describe('the transmitter interrupt', () => {
  beforeEach(() => rig.out(MCR, OUT2));

  it('comes when it is enabled, and goes when IIR is read', () => {
    rig.out(IER, ETBEI);
    expect(rig.irq.level).toBe(true);
    expect(rig.in(IIR)).toBe(0x02);
    expect(rig.irq.level).toBe(false);
    expect(rig.in(IIR)).toBe(0x01);
  });

  it('comes again after each write', () => {
    rig.out(IER, ETBEI);
    rig.in(IIR);
    rig.out(THR, 0x41);
    expect(rig.irq.level).toBe(true);
    expect(rig.in(IIR)).toBe(0x02);
  });

  it('gives a new edge for each write, even if IIR is never read', () => {
    rig.out(IER, ETBEI);
    rig.out(THR, 0x41);
    rig.out(THR, 0x42);
    expect(rig.irq.edges).toBe(3);
  });

  it('is raised again by disabling and enabling it, and not by writing IER as it was', () => {
    rig.out(IER, ETBEI);
    rig.in(IIR);
    rig.out(IER, ETBEI);
    expect(rig.in(IIR)).toBe(0x01);
    rig.out(IER, 0);
    rig.out(IER, ETBEI);
    expect(rig.in(IIR)).toBe(0x02);
  });

  it('is immediate after a change of FIFO mode', () => {
    rig.out(IER, ETBEI);
    rig.in(IIR);
    rig.out(FCR, 0x01);
    expect(rig.in(IIR)).toBe(0xc2);
  });

  it('is not cleared by reading IIR for another source', () => {
    rig.out(IER, ETBEI | ERBFI);
    rig.receive(0x31);
    expect(rig.in(IIR)).toBe(0x04);
    rig.in(RBR);
    expect(rig.in(IIR)).toBe(0x02);
  });
});

describe('reception without FIFOs', () => {
  it('holds one character', () => {
    expect(rig.uart.rxSpace).toBe(1);
    rig.receive(0x61);
    expect([rig.uart.rxSpace, rig.uart.receive(0x62)]).toEqual([0, false]);
    expect(rig.in(LSR)).toBe(THR_AND_SHIFT_EMPTY | 0x01);
    expect(rig.in(RBR)).toBe(0x61);
    expect(rig.in(LSR)).toBe(THR_AND_SHIFT_EMPTY);
    expect(rig.in(RBR)).toBe(0x61);
    expect(rig.uart.rxSpace).toBe(1);
  });

  it('interrupts for each character, without FIFO bits in IIR', () => {
    rig.out(MCR, OUT2);
    rig.out(IER, ERBFI);
    rig.receive(0x61);
    expect([rig.irq.level, rig.in(IIR)]).toEqual([true, 0x04]);
    rig.in(RBR);
    expect([rig.irq.level, rig.in(IIR)]).toEqual([false, 0x01]);
  });

  it('has no character timeout', () => {
    rig.receive(0x61);
    expect(rig.clock.nextDeadline()).toBe(Infinity);
  });
});

describe('reception through the FIFO', () => {
  it('takes 16 characters and gives them back in order', () => {
    rig.out(FCR, 0x01);
    const bytes = Array.from({ length: 16 }, (_, i) => 0x40 + i);
    rig.receive(...bytes);
    expect([rig.uart.rxSpace, rig.uart.receive(0)]).toEqual([0, false]);
    expect(rig.drain()).toEqual(bytes);
  });

  it.each([
    [0, 1],
    [1, 4],
    [2, 8],
    [3, 14],
  ] as const)('interrupts at trigger level %i with %i characters', (trigger, level) => {
    rig.enableFifos(trigger, ERBFI);
    for (let i = 1; i < level; i++) rig.receive(i);
    expect([rig.irq.level, rig.in(IIR)]).toEqual([false, 0xc1]);
    rig.receive(level);
    expect([rig.irq.level, rig.in(IIR)]).toEqual([true, 0xc4]);
    rig.in(RBR);
    expect([rig.irq.level, rig.in(IIR)]).toEqual([false, 0xc1]);
  });

  it('is emptied by the RX reset, by turning FIFOs off and by turning them on', () => {
    rig.receive(1);
    rig.out(FCR, 0x01);
    expect(rig.in(LSR) & 1).toBe(0);
    rig.receive(1, 2);
    rig.out(FCR, 0x03);
    expect(rig.in(LSR) & 1).toBe(0);
    rig.receive(1, 2);
    rig.out(FCR, 0x00);
    expect([rig.in(LSR) & 1, rig.in(IIR)]).toEqual([0, 0x01]);
  });

  it('keeps its characters when only the trigger or the TX side is written', () => {
    rig.out(FCR, 0x01);
    rig.receive(1, 2);
    rig.out(FCR, 0x85);
    expect(rig.drain()).toEqual([1, 2]);
  });

  it('ignores the other FCR bits without bit 0', () => {
    rig.receive(7);
    rig.out(FCR, 0xc6);
    expect([rig.in(IIR), rig.drain()]).toEqual([0x01, [7]]);
  });
});

describe('the character timeout', () => {
  // 8N1: ten bits a character.
  const fourCharacters = (divisor: number, bits = 10) =>
    Math.ceil((4 * bits * 16 * divisor * 1e9) / 1_843_200);

  const program = (divisor: number, lcr: number) => {
    rig.out(LCR, DLAB | lcr);
    rig.out(DLL, divisor, 2);
    rig.out(LCR, lcr);
  };

  it('comes four character times after the last character', () => {
    program(1, 0x03);
    rig.enableFifos(3, ERBFI);
    rig.receive(1);
    rig.pass(fourCharacters(1) - 1);
    rig.receive(2);
    rig.pass(fourCharacters(1) - 1);
    expect([rig.irq.level, rig.in(IIR)]).toEqual([false, 0xc1]);
    rig.pass(1);
    expect([rig.irq.level, rig.in(IIR)]).toEqual([true, 0xcc]);
  });

  it.each([
    ['9600 8N1', 12, 0x03, 10],
    ['300 baud, 8 data, parity, 2 stop: 160 ms', 384, 0x0f, 12],
    ['5 data, 1.5 stop', 1, 0x04, 7.5],
    ['divisor 0 as 1', 0, 0x03, 10],
    ['the highest divisor', 0xffff, 0x03, 10],
  ])('counts the programmed character: %s', (_, divisor, lcr, bits) => {
    program(divisor, lcr);
    rig.out(FCR, 0x01);
    rig.receive(1);
    expect(rig.clock.nextDeadline()).toBe(fourCharacters(Math.max(divisor, 1), bits));
  });

  it('is cleared and started again by a read, and stops when the FIFO is empty', () => {
    program(1, 0x03);
    rig.enableFifos(3, ERBFI);
    rig.receive(1, 2);
    rig.pass(fourCharacters(1));
    expect(rig.in(IIR)).toBe(0xcc);
    rig.in(RBR);
    expect([rig.irq.level, rig.in(IIR)]).toEqual([false, 0xc1]);
    rig.pass(fourCharacters(1));
    expect(rig.in(IIR)).toBe(0xcc);
    rig.in(RBR);
    expect([rig.in(IIR), rig.clock.nextDeadline()]).toEqual([0xc1, Infinity]);
  });

  it('stays when a further character arrives', () => {
    program(1, 0x03);
    rig.enableFifos(3, ERBFI);
    rig.receive(1);
    rig.pass(fourCharacters(1));
    rig.receive(2);
    expect([rig.in(IIR), rig.clock.nextDeadline()]).toEqual([0xcc, Infinity]);
  });

  it('gives way to the trigger level', () => {
    program(1, 0x03);
    rig.enableFifos(1, ERBFI);
    rig.receive(1);
    rig.pass(fourCharacters(1));
    rig.receive(2, 3, 4);
    expect(rig.in(IIR)).toBe(0xc4);
  });

  it('is forgotten with the FIFO', () => {
    rig.enableFifos(3, ERBFI);
    rig.receive(1);
    rig.out(FCR, 0x03);
    expect(rig.clock.nextDeadline()).toBe(Infinity);
  });
});

describe('input from the host', () => {
  it('loses nothing of a long paste', () => {
    const paste = Array.from({ length: 10_240 }, (_, i) => (i * 7) & 0xff);
    rig.enableFifos(2, ERBFI);
    let at = 0;
    const feed = () => {
      while (at < paste.length && rig.uart.rxSpace > 0) rig.receive(paste[at++]);
    };
    rig.uart.onRxSpace = feed;
    feed();
    expect(at).toBe(16);

    // As Linux does: while the interrupt stands, read a bounded number of characters.
    const read: number[] = [];
    while (rig.irq.level) {
      for (let i = 0; i < 256 && rig.in(LSR) & 1; i++) read.push(rig.in(RBR));
    }
    expect(read).toEqual(paste);
  });

  it('gives an edge with each refill', () => {
    rig.enableFifos(0, ERBFI);
    rig.uart.onRxSpace = () => void rig.uart.receive(0x55);
    rig.receive(0x55);
    expect(rig.irq.edges).toBe(1);
    rig.in(RBR);
    rig.in(RBR);
    expect([rig.irq.level, rig.irq.edges]).toEqual([true, 3]);
  });

  it('returns the character read, not the one that the hook feeds', () => {
    rig.uart.onRxSpace = () => void rig.uart.receive(0x62);
    rig.receive(0x61);
    expect([rig.in(RBR), rig.in(RBR)]).toEqual([0x61, 0x62]);
  });

  it('is asked for after a FIFO reset, a reset, and at the end of loopback', () => {
    let asked = 0;
    rig.uart.onRxSpace = () => asked++;
    rig.out(FCR, 0x01);
    expect(asked).toBe(1);
    rig.out(FCR, 0x81);
    expect(asked).toBe(1);
    rig.uart.reset();
    expect(asked).toBe(2);
    rig.out(MCR, LOOP);
    expect([asked, rig.uart.rxSpace, rig.uart.receive(1)]).toEqual([2, 0, false]);
    expect(rig.uart.receiveBreak()).toBe(false);
    rig.out(MCR, 0);
    expect([asked, rig.uart.rxSpace]).toEqual([3, 1]);
  });

  it('is wanted once the guest has the interrupt enabled, or waits by reading LSR', () => {
    let asked = 0;
    rig.uart.onRxSpace = () => asked++;
    rig.out(IER, ERBFI);
    expect([rig.uart.listening, asked]).toEqual([false, 0]);
    rig.out(MCR, OUT2);
    expect([rig.uart.listening, asked]).toEqual([true, 1]);
    rig.out(IER, ERBFI | ETBEI);
    expect(asked).toBe(1);
    rig.out(IER, 0);
    expect(rig.uart.listening).toBe(false);
    rig.out(IER, ERBFI);
    expect([rig.uart.listening, asked]).toEqual([true, 2]);
    rig.out(MCR, 0);
    expect(rig.uart.listening).toBe(false);

    rig.poll();
    expect([rig.uart.listening, asked]).toEqual([true, 3]);
    rig.poll();
    expect(asked).toBe(3);
    rig.uart.reset();
    expect(rig.uart.listening).toBe(false);
  });

  it('is seen by the read of LSR that shows that the guest waits', () => {
    rig.uart.onRxSpace = () => void rig.uart.receive(0x55);
    expect([1, 2, 3, 4].map(() => rig.in(LSR) & 1)).toEqual([0, 0, 0, 1]);
    expect(rig.in(RBR)).toBe(0x55);
  });

  it('comes back when the guest empties the receiver, and what it looped does not', () => {
    const back: number[][] = [];
    rig.uart.onRxDiscard = bytes => back.push([...bytes]);
    rig.receive(1);
    rig.out(FCR, 0x01);
    expect(back).toEqual([[1]]);
    rig.receive(2, 3, 4);
    rig.in(RBR);
    rig.out(FCR, 0x81);
    expect(back).toHaveLength(1);
    rig.out(FCR, 0x83);
    expect(back).toEqual([[1], [3, 4]]);
    rig.out(FCR, 0x83);
    expect(back).toHaveLength(2);

    rig.out(MCR, LOOP);
    rig.out(THR, 5);
    rig.out(MCR, 0);
    rig.out(FCR, 0);
    expect(back).toHaveLength(2);
    rig.receive(6);
    rig.uart.reset();
    expect(back).toHaveLength(2);
  });

  it('is not wanted by who sends, looks once, or sets the port up', () => {
    for (const byte of [1, 2, 3]) {
      rig.in(LSR);
      rig.out(THR, byte);
    }
    // As Linux finds out whether there is a port, and empties the receiver when it is opened.
    rig.out(IER, 0x0f);
    expect(rig.in(IER)).toBe(0x0f);
    expect(rig.uart.listening).toBe(false);
    rig.out(IER, 0);
    for (const register of [LSR, RBR, IIR, MSR, LSR, LSR, RBR]) rig.in(register);
    expect(rig.uart.listening).toBe(false);
    for (const [register, value] of [
      [FCR, 0x07],
      [LCR, 0x03],
    ]) {
      rig.poll();
      expect(rig.uart.listening).toBe(true);
      rig.out(register, value);
      expect(rig.uart.listening).toBe(false);
    }
  });

  it('is not asked for while characters wait', () => {
    let asked = 0;
    rig.out(FCR, 0x01);
    rig.uart.onRxSpace = () => asked++;
    rig.receive(1, 2);
    rig.in(RBR);
    expect(asked).toBe(0);
    rig.in(RBR);
    expect(asked).toBe(1);
  });
});

describe('line errors', () => {
  it('reveals a break with its character, clears it by reading LSR, and interrupts first', () => {
    rig.enableFifos(0, ERBFI | ELSI);
    rig.receive(0x41);
    expect(rig.uart.receiveBreak()).toBe(true);
    // Not at the top yet: only bit 7 tells.
    expect([rig.in(IIR), rig.in(LSR)]).toEqual([0xc4, 0x80 | THR_AND_SHIFT_EMPTY | 0x01]);
    rig.in(RBR);
    expect(rig.in(IIR)).toBe(0xc6);
    expect(rig.in(LSR)).toBe(0x80 | THR_AND_SHIFT_EMPTY | 0x18 | 0x01);
    expect([rig.in(LSR), rig.in(IIR)]).toEqual([THR_AND_SHIFT_EMPTY | 0x01, 0xc4]);
    expect(rig.in(RBR)).toBe(0);
  });

  it('keeps bit 7 while later characters have errors', () => {
    rig.out(FCR, 0x01);
    rig.uart.receiveBreak();
    rig.uart.receiveBreak();
    expect(rig.in(LSR) & 0x98).toBe(0x98);
    expect(rig.in(LSR) & 0x98).toBe(0x80);
    rig.in(RBR);
    expect(rig.in(LSR) & 0x98).toBe(0x98);
    expect(rig.in(LSR) & 0x98).toBe(0x00);
  });

  it('shows an error still after its character was read', () => {
    rig.out(FCR, 0x01);
    rig.uart.receiveBreak();
    rig.in(RBR);
    expect([rig.in(LSR), rig.in(LSR)]).toEqual([THR_AND_SHIFT_EMPTY | 0x18, THR_AND_SHIFT_EMPTY]);
  });

  it('takes a break without FIFOs, and has no bit 7 then', () => {
    rig.uart.receiveBreak();
    expect(rig.in(LSR)).toBe(THR_AND_SHIFT_EMPTY | 0x19);
  });

  it('overwrites the only character when it is overrun without FIFOs', () => {
    rig.out(IER, ELSI);
    rig.out(MCR, LOOP);
    rig.out(THR, 0x01);
    rig.out(THR, 0x02);
    expect([rig.in(IIR), rig.in(LSR), rig.in(LSR)]).toEqual([0x06, 0x63, 0x61]);
    expect(rig.drain()).toEqual([0x02]);
  });

  it('keeps the error of a character that an overrun overwrote', () => {
    rig.uart.receiveBreak();
    rig.out(MCR, LOOP);
    rig.out(THR, 0x41);
    expect([rig.in(LSR), rig.in(LSR), rig.in(RBR)]).toEqual([THR_AND_SHIFT_EMPTY | 0x1b, 0x61, 0x41]);
  });

  it('loses the new character when a full FIFO is overrun', () => {
    rig.out(FCR, 0x01);
    rig.out(MCR, LOOP);
    for (let i = 0; i < 17; i++) rig.out(THR, i);
    expect(rig.in(LSR)).toBe(THR_AND_SHIFT_EMPTY | 0x03);
    expect(rig.drain()).toEqual(Array.from({ length: 16 }, (_, i) => i));
  });
});

describe('modem control', () => {
  it('reports changes until MSR is read', () => {
    rig.uart.setModemInput('cts', false);
    rig.uart.setModemInput('dcd', false);
    expect([rig.in(MSR), rig.in(MSR)]).toEqual([0x20 | 0x09, 0x20]);
    rig.uart.setModemInput('dsr', false);
    rig.uart.setModemInput('dsr', true);
    expect([rig.in(MSR), rig.in(MSR)]).toEqual([0x22, 0x20]);
  });

  it('reports only the trailing edge of ring', () => {
    rig.uart.setModemInput('ri', true);
    expect(rig.in(MSR)).toBe(DCD_DSR_CTS | 0x40);
    rig.uart.setModemInput('ri', false);
    expect([rig.in(MSR), rig.in(MSR)]).toEqual([DCD_DSR_CTS | 0x04, DCD_DSR_CTS]);
  });

  it('interrupts last of all', () => {
    rig.out(MCR, OUT2);
    rig.out(IER, EDSSI | ETBEI);
    rig.uart.setModemInput('cts', false);
    expect([rig.in(IIR), rig.irq.level]).toEqual([0x02, true]);
    expect([rig.in(IIR), rig.irq.level]).toEqual([0x00, true]);
    rig.in(MSR);
    expect([rig.in(IIR), rig.irq.level]).toEqual([0x01, false]);
  });

  it('keeps what the far end drives across a reset, without deltas', () => {
    rig.uart.setModemInput('cts', false);
    rig.uart.reset();
    expect(rig.in(MSR)).toBe(0xa0);
  });

  it('drives the interrupt line only while OUT2 is set', () => {
    rig.out(IER, ERBFI);
    rig.receive(1);
    expect([rig.in(IIR), rig.irq.level]).toEqual([0x04, false]);
    rig.out(MCR, OUT2);
    expect(rig.irq.level).toBe(true);
    rig.out(MCR, 0);
    expect(rig.irq.level).toBe(false);
  });
});

describe('loopback', () => {
  it('receives what it sends, and sends nothing out', () => {
    rig.out(FCR, 0x01);
    rig.out(MCR, LOOP);
    rig.out(THR, 0xae);
    expect([rig.in(LSR), rig.in(RBR), rig.sent]).toEqual([THR_AND_SHIFT_EMPTY | 0x01, 0xae, []]);
  });

  it.each([
    ['DTR to DSR', 0x01, 0x20],
    ['RTS to CTS', 0x02, 0x10],
    ['OUT1 to RI', 0x04, 0x40],
    ['OUT2 to DCD', 0x08, 0x80],
  ])('wires %s', (_, output, input) => {
    rig.out(MCR, LOOP | output);
    expect(rig.in(MSR) & 0xf0).toBe(input);
  });

  it('reports the changes of the looped lines', () => {
    rig.out(MCR, LOOP);
    // CTS, DSR and DCD of the far end went away.
    expect(rig.in(MSR)).toBe(0x0b);
    rig.out(MCR, LOOP | 0x0f);
    expect(rig.in(MSR)).toBe(0xfb);
    rig.out(MCR, LOOP);
    expect(rig.in(MSR)).toBe(0x0f);
    rig.out(MCR, 0);
    expect(rig.in(MSR)).toBe(DCD_DSR_CTS | 0x0b);
  });

  it('does not see the far end until it ends', () => {
    rig.out(MCR, LOOP);
    rig.in(MSR);
    rig.uart.setModemInput('cts', false);
    expect(rig.in(MSR)).toBe(0);
    rig.out(MCR, 0);
    expect(rig.in(MSR) & 0xf0).toBe(0xa0);
  });

  it('closes the gate to the interrupt line, since OUT2 is inactive', () => {
    rig.out(IER, ERBFI);
    rig.out(MCR, LOOP | OUT2);
    rig.out(THR, 1);
    expect([rig.in(IIR), rig.irq.level]).toEqual([0x04, false]);
    rig.out(MCR, OUT2);
    expect(rig.irq.level).toBe(true);
  });
});

describe("Linux's 8250 driver", () => {
  it('finds a 16550A', () => {
    // Presence: the low four bits of IER hold, the high ones do not.
    rig.out(IER, 0x00);
    expect(rig.in(IER) & 0x0f).toBe(0x00);
    rig.out(IER, 0x0f);
    expect(rig.in(IER) & 0x0f).toBe(0x0f);
    rig.out(IER, 0x00);
    // Loopback test.
    rig.out(MCR, LOOP | 0x0a);
    expect(rig.in(MSR) & 0xf0).toBe(0x90);
    rig.out(MCR, 0x00);
    // FIFOs that work.
    rig.out(LCR, 0xbf);
    rig.out(FCR, 0x00);
    rig.out(LCR, 0x00);
    rig.out(FCR, 0x01);
    expect(rig.in(IIR) >> 6).toBe(3);
    // No extended feature register behind DLAB, with neither of its two keys.
    rig.out(LCR, 0x80);
    expect(rig.in(2)).not.toBe(0);
    rig.out(LCR, 0xbf);
    expect(rig.in(2)).not.toBe(0);
    // No second bank of a National super I/O: there is no bit of MCR at 2.
    rig.out(LCR, 0x00);
    const mcr = rig.in(MCR);
    rig.out(MCR, mcr ^ LOOP);
    rig.out(LCR, 0xe0);
    expect((rig.in(2) ^ mcr) & LOOP).toBe(0);
    rig.out(LCR, 0x00);
    rig.out(MCR, mcr);
    // No 64-byte FIFO.
    rig.out(FCR, 0x21);
    expect(rig.in(IIR) & 0x20).toBe(0);
    rig.out(LCR, 0x80);
    rig.out(FCR, 0x21);
    expect(rig.in(IIR) & 0x20).toBe(0);
    rig.out(LCR, 0x00);
    // No UART unit enable bit.
    rig.out(IER, 0x40);
    expect(rig.in(IER) & 0x40).toBe(0);
  });

  it('finds that the transmitter interrupt works', () => {
    rig.out(IER, ETBEI);
    const first = rig.in(IIR);
    rig.out(IER, 0);
    rig.out(IER, ETBEI);
    const second = rig.in(IIR);
    rig.out(IER, 0);
    expect([first, second]).toEqual([0x02, 0x02]);
  });

  it('sends a buffer from its interrupt handler', () => {
    const text = Array.from('Linux version 6.1.0\r\n', char => char.charCodeAt(0));
    const queue = [...text];
    rig.enableFifos(2, ERBFI | ETBEI);
    while (rig.irq.level) {
      const iir = rig.in(IIR);
      expect(iir).toBe(0xc2);
      rig.in(LSR);
      rig.in(MSR);
      for (let i = 0; i < 16 && queue.length > 0; i++) rig.out(THR, queue.shift()!);
      if (queue.length === 0) rig.out(IER, ERBFI);
    }
    expect(rig.sent).toEqual(text);
  });
});

describe('save and load', () => {
  const copyOf = (state: DeviceState): Rig => {
    const copy = new Rig();
    // Another machine's clock: what remains of the timeout must survive, not its date.
    copy.timeNs = 5e9;
    copy.uart.load(state);
    return copy;
  };

  it('continues in the middle of traffic', () => {
    rig.out(LCR, DLAB);
    rig.out(DLL, 1, 2);
    rig.out(LCR, 0x1b);
    rig.out(SCR, 0x77);
    rig.enableFifos(1, 0x0f);
    rig.receive(1, 2);
    rig.uart.receiveBreak();
    rig.uart.setModemInput('dcd', false);
    rig.in(RBR);
    rig.pass(1000);

    const copy = copyOf(snapshot(rig.uart));
    expect(copy.uart.save()).toEqual(rig.uart.save());
    expect(copy.irq.level).toBe(true);
    expect(copy.clock.nextDeadline() - 5e9).toBe(rig.clock.nextDeadline() - 1000);
    for (const each of [rig, copy]) {
      const seen = [IIR, LCR, MCR, SCR, MSR, LSR, RBR, LSR, RBR, LSR, IIR, IIR].map(register =>
        each.in(register),
      );
      expect(seen).toEqual([0xc2, 0x1b, 0x08, 0x77, 0x38, 0xe1, 0x02, 0xf9, 0x00, 0x60, 0xc1, 0xc1]);
    }
  });

  it('keeps a timeout that has come, and one that will', () => {
    rig.enableFifos(3, ERBFI);
    rig.receive(1);
    const running = copyOf(snapshot(rig.uart));
    rig.pass(1e9);
    const expired = copyOf(snapshot(rig.uart));
    expect([expired.irq.level, expired.in(IIR)]).toEqual([true, 0xcc]);
    expect(expired.clock.nextDeadline()).toBe(Infinity);

    expect(running.in(IIR)).toBe(0xc1);
    running.pass(1e9);
    expect(running.in(IIR)).toBe(0xcc);
  });

  it('behaves after loading as the original does, whatever the guest does', () => {
    const step = fc.record({
      register: fc.integer({ min: 0, max: 7 }),
      // Mostly reads and writes, and now and then a character, a break or time.
      kind: fc.constantFrom('in', 'in', 'out', 'out', 'receive', 'break', 'pass'),
      value: fc.integer({ min: 0, max: 0xff }),
    });
    const run = (on: Rig, { kind, register, value }: { kind: string; register: number; value: number }) => {
      if (kind === 'in') return on.in(register);
      if (kind === 'out') on.out(register, value);
      if (kind === 'receive') return on.uart.receive(value);
      if (kind === 'break') return on.uart.receiveBreak();
      if (kind === 'pass') on.pass(value * 1e5);
      return undefined;
    };
    fc.assert(
      fc.property(fc.array(step), fc.array(step), (before, after) => {
        const original = new Rig();
        for (const each of before) run(original, each);
        const copy = copyOf(snapshot(original.uart));
        const sentBefore = original.sent.length;
        for (const each of after) {
          expect(run(copy, each)).toEqual(run(original, each));
          expect(copy.irq.level).toBe(original.irq.level);
          expect(copy.uart.rxSpace).toBe(original.uart.rxSpace);
          expect(copy.uart.listening).toBe(original.uart.listening);
          expect(copy.sent).toEqual(original.sent.slice(sentBefore));
        }
      }),
    );
  });
});

it('never reads LSR as 0, whatever the guest wrote before', () => {
  const write = fc.tuple(fc.integer({ min: 0, max: 7 }), fc.integer({ min: 0, max: 0xff }));
  fc.assert(
    fc.property(fc.array(write), writes => {
      const each = new Rig();
      for (const [register, value] of writes) {
        each.out(register, value);
        expect(each.in(LSR) & THR_AND_SHIFT_EMPTY).toBe(THR_AND_SHIFT_EMPTY);
      }
    }),
  );
});
