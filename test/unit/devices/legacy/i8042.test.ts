import fc from 'fast-check';
import { beforeEach, describe, expect, it } from 'vitest';
import { I8042 } from '../../../../src/devices/legacy/i8042.js';
import type { DeviceState } from '../../../../src/vmm/device.js';
import { PortGuest, RecordingLine, snapshot } from './port-guest.js';

const DATA = 0x60;
const COMMAND = 0x64;

const OUTPUT_FULL = 0x01;
const SYSTEM = 0x04;
const LAST_WAS_COMMAND = 0x08;
const UNLOCKED = 0x10;
const AUX_DATA = 0x20;
const TIMEOUT = 0x40;

const CTR_AFTER_POST = 0x65;

class Rig {
  readonly keyboardIrq = new RecordingLine();
  readonly auxIrq = new RecordingLine();
  resets = 0;
  readonly i8042: I8042;
  readonly guest: PortGuest;

  constructor() {
    this.i8042 = new I8042({
      keyboardIrq: this.keyboardIrq,
      auxIrq: this.auxIrq,
      power: {
        poweroff: () => expect.unreachable('the controller cannot switch off'),
        reset: () => void this.resets++,
        panic: () => expect.unreachable('the controller cannot panic'),
        exit: () => expect.unreachable('the controller has no exit status'),
      },
    });
    this.guest = new PortGuest(this.i8042);
  }

  status(): number {
    return this.guest.in(COMMAND);
  }

  /** A command without an answer, with its argument if it has one. */
  command(command: number, argument?: number): void {
    this.guest.out(COMMAND, command);
    if (argument !== undefined) this.guest.out(DATA, argument);
  }

  /** A command and its answer, as a driver that polls does it. */
  ask(command: number, argument?: number): number {
    this.command(command, argument);
    expect(this.status() & OUTPUT_FULL).toBe(OUTPUT_FULL);
    return this.guest.in(DATA);
  }

  /** Sends `bytes` to the keyboard. @returns all that comes back */
  keyboard(...bytes: number[]): number[] {
    for (const byte of bytes) this.guest.out(DATA, byte);
    return this.drain();
  }

  drain(): number[] {
    const bytes: number[] = [];
    while (this.status() & OUTPUT_FULL) {
      bytes.push(this.guest.in(DATA));
      expect(bytes.length).toBeLessThan(100);
    }
    return bytes;
  }
}

let rig: Rig;
beforeEach(() => {
  rig = new Rig();
});

describe('the controller', () => {
  it('claims ports 0x60 and 0x64 and nothing between', () => {
    expect(rig.i8042.ranges.map(({ base, size }) => [base, size])).toEqual([
      [0x60, 1],
      [0x64, 1],
    ]);
  });

  it('names its ports', () => {
    const [data, command] = rig.i8042.ranges;
    expect(data.target.registerName!(0, 'read')).toBe('DATA');
    expect(command.target.registerName!(0, 'read')).toBe('STATUS');
    expect(command.target.registerName!(0, 'write')).toBe('COMMAND');
  });

  it('starts as firmware leaves it', () => {
    expect(rig.status()).toBe(UNLOCKED | SYSTEM);
    expect(rig.ask(0x20)).toBe(CTR_AFTER_POST);
  });

  it('tells which port was written last', () => {
    rig.command(0x60);
    expect(rig.status() & LAST_WAS_COMMAND).toBe(LAST_WAS_COMMAND);
    rig.guest.out(DATA, CTR_AFTER_POST);
    expect(rig.status() & LAST_WAS_COMMAND).toBe(0);
  });

  it('writes and reads its command byte, with the system flag in the status', () => {
    rig.command(0x60, 0xf0);
    expect(rig.ask(0x20)).toBe(0x70);
    expect(rig.status() & SYSTEM).toBe(0);
    rig.command(0x60, 0x04);
    expect(rig.status() & SYSTEM).toBe(SYSTEM);
  });

  it('passes its self-test, which drops what was to be read', () => {
    rig.command(0x60, 0x00);
    rig.command(0xd2, 0x11);
    rig.command(0xd2, 0x22);
    expect(rig.ask(0xaa)).toBe(0x55);
    expect(rig.drain()).toEqual([]);
    expect(rig.status() & SYSTEM).toBe(SYSTEM);
  });

  it('passes the tests of both interfaces', () => {
    expect([rig.ask(0xab), rig.ask(0xa9)]).toEqual([0x00, 0x00]);
  });

  it('switches its interfaces by command', () => {
    rig.command(0xad);
    expect(rig.ask(0x20)).toBe(CTR_AFTER_POST | 0x10);
    rig.command(0xae);
    rig.command(0xa8);
    expect(rig.ask(0x20)).toBe(CTR_AFTER_POST & ~0x20);
    rig.command(0xa7);
    expect(rig.ask(0x20)).toBe(CTR_AFTER_POST);
  });

  it('shows an open lock on its input port', () => {
    expect(rig.ask(0xc0) & 0x80).toBe(0x80);
  });

  it('remembers A20 on its output port', () => {
    expect(rig.ask(0xd0) & 0x03).toBe(0x03);
    rig.command(0xd1, 0xdd);
    expect(rig.ask(0xd0) & 0x03).toBe(0x01);
    rig.command(0xd1, 0xdf);
    expect(rig.ask(0xd0) & 0x03).toBe(0x03);
    expect(rig.resets).toBe(0);
  });

  it('shows a full output buffer, and whose it is, on its output port', () => {
    rig.command(0xd2, 0x5a);
    rig.command(0xd0);
    rig.command(0xd0);
    expect(rig.drain().map(byte => byte & 0x30)).toEqual([0x10, 0x10, 0x10]);
    rig.command(0xd3, 0x5a);
    rig.command(0xd0);
    expect(rig.drain()[1] & 0x30).toBe(0x20);
    expect(rig.ask(0xd0) & 0x30).toBe(0x00);
  });

  it('ignores commands that it does not know', () => {
    for (const command of [0x00, 0x21, 0x61, 0x90, 0xa4, 0xb0, 0xcf, 0xe0]) rig.command(command);
    expect(rig.drain()).toEqual([]);
    expect(rig.ask(0x20)).toBe(CTR_AFTER_POST);
  });

  it('forgets a command whose argument did not come', () => {
    rig.command(0x60);
    rig.command(0xab);
    expect(rig.drain()).toEqual([0x00]);
    // The byte goes to the keyboard now.
    expect(rig.keyboard(0xee)).toEqual([0xee]);
  });

  it('gives the last byte again when there is none', () => {
    expect(rig.ask(0xaa)).toBe(0x55);
    expect([rig.guest.in(DATA), rig.status() & OUTPUT_FULL]).toEqual([0x55, 0]);
  });

  it('drops answers that nobody reads, beyond a bound', () => {
    for (let i = 0; i < 1000; i++) rig.command(0x20);
    expect(rig.drain()).toHaveLength(17);
    for (let i = 0; i < 1000; i++) rig.guest.out(DATA, 0xf2);
    expect(rig.drain()).toHaveLength(17);
  });
});

describe('the reset line', () => {
  it.each([0xf0, 0xf2, 0xf4, 0xf6, 0xf8, 0xfa, 0xfc, 0xfe])('is pulsed by command %i', command => {
    rig.command(command);
    expect(rig.resets).toBe(1);
  });

  it.each([0xf1, 0xf3, 0xf5, 0xf7, 0xf9, 0xfb, 0xfd, 0xff])('is left alone by command %i', command => {
    rig.command(command);
    expect(rig.resets).toBe(0);
  });

  it('is pulled by bit 0 of the output port', () => {
    rig.command(0xd1, 0xfe);
    expect(rig.resets).toBe(1);
  });
});

describe('the auxiliary port without a mouse', () => {
  it('loops a byte back, with interrupt 12', () => {
    rig.command(0x60, 0x47);
    rig.command(0xd3, 0x5a);
    expect([rig.auxIrq.level, rig.keyboardIrq.edges]).toEqual([true, 0]);
    expect(rig.status() & (OUTPUT_FULL | AUX_DATA | TIMEOUT)).toBe(OUTPUT_FULL | AUX_DATA);
    expect(rig.guest.in(DATA)).toBe(0x5a);
    expect([rig.auxIrq.level, rig.status() & AUX_DATA]).toEqual([false, 0]);
  });

  it('interrupts only if the command byte says so', () => {
    rig.command(0xd3, 0x5a);
    expect(rig.auxIrq.level).toBe(false);
    rig.command(0x60, 0x02);
    expect(rig.auxIrq.level).toBe(true);
  });

  it('answers what is sent to a mouse with a timeout', () => {
    rig.command(0xd4, 0xff);
    expect(rig.status() & (OUTPUT_FULL | AUX_DATA | TIMEOUT)).toBe(OUTPUT_FULL | AUX_DATA | TIMEOUT);
    expect(rig.guest.in(DATA)).toBe(0xfe);
    expect(rig.drain()).toEqual([]);
  });
});

describe('the keyboard', () => {
  it.each([
    ['reset', [0xff], [0xfa, 0xaa]],
    ['echo', [0xee], [0xee]],
    ['set LEDs', [0xed, 0x02], [0xfa, 0xfa]],
    ['typematic rate', [0xf3, 0x00], [0xfa, 0xfa]],
    ['enable', [0xf4], [0xfa]],
    ['disable', [0xf5], [0xfa]],
    ['defaults', [0xf6], [0xfa]],
    ['an unknown command', [0x05], [0xfe]],
    ['a command that it does not have', [0xf1], [0xfe]],
    ['an impossible scan code set', [0xf0, 0x04], [0xfa, 0xfe]],
    ['a command in the place of an argument', [0xed, 0xee], [0xfa, 0xee]],
  ])('answers %s', (_, sent, answer) => {
    expect(rig.keyboard(...sent)).toEqual(answer);
  });

  it('sends its last byte again', () => {
    rig.keyboard(0xee);
    expect(rig.keyboard(0xfe)).toEqual([0xee]);
  });

  it('identifies itself, translated or not', () => {
    expect(rig.keyboard(0xf2)).toEqual([0xfa, 0xab, 0x41]);
    rig.command(0x60, 0x05);
    expect(rig.keyboard(0xf2)).toEqual([0xfa, 0xab, 0x83]);
  });

  it('keeps the scan code set until its reset', () => {
    rig.command(0x60, 0x05);
    expect(rig.keyboard(0xf0, 0x00)).toEqual([0xfa, 0xfa, 0x02]);
    expect(rig.keyboard(0xf0, 0x03)).toEqual([0xfa, 0xfa]);
    expect(rig.keyboard(0xf0, 0x00)).toEqual([0xfa, 0xfa, 0x03]);
    rig.keyboard(0xff);
    expect(rig.keyboard(0xf0, 0x00)).toEqual([0xfa, 0xfa, 0x02]);
  });

  it('shows the host its LEDs', () => {
    rig.keyboard(0xed, 0x06);
    expect(rig.i8042.keyboard.leds).toBe(0x06);
  });

  it('is enabled by a byte that is sent to it', () => {
    rig.command(0xad);
    expect(rig.keyboard(0xee)).toEqual([0xee]);
    expect(rig.ask(0x20)).toBe(CTR_AFTER_POST);
  });
});

describe('keys', () => {
  it('arrive in set 1, each byte with an edge of interrupt 1', () => {
    // A down and up, then the right arrow.
    expect(rig.i8042.pressKey([0x1c, 0xf0, 0x1c, 0xe0, 0x74, 0xe0, 0xf0, 0x74])).toBe(true);
    const seen: number[] = [];
    for (let handled = 0; handled < rig.keyboardIrq.edges; handled++) seen.push(rig.guest.in(DATA));
    expect(seen).toEqual([0x1e, 0x9e, 0xe0, 0x4d, 0xe0, 0xcd]);
    expect([rig.keyboardIrq.level, rig.auxIrq.edges]).toEqual([false, 0]);
  });

  it('arrive as they are without translation', () => {
    rig.command(0x60, 0x05);
    rig.i8042.pressKey([0x1c, 0xf0, 0x1c]);
    expect(rig.drain()).toEqual([0x1c, 0xf0, 0x1c]);
  });

  it('may be released in two calls', () => {
    rig.i8042.pressKey([0xf0]);
    expect(rig.drain()).toEqual([]);
    rig.i8042.pressKey([0x1c]);
    expect(rig.drain()).toEqual([0x9e]);
  });

  // Linux's table of the way back, drivers/input/keyboard/atkbd.c: what each set 1 code was in set 2.
  it('are translated as Linux expects', () => {
    const set1ToSet2 = [
      0, 118, 22, 30, 38, 37, 46, 54, 61, 62, 70, 69, 78, 85, 102, 13, 21, 29, 36, 45, 44, 53, 60, 67, 68, 77,
      84, 91, 90, 20, 28, 27, 35, 43, 52, 51, 59, 66, 75, 76, 82, 14, 18, 93, 26, 34, 33, 42, 50, 49, 58, 65,
      73, 74, 89, 124, 17, 41, 88, 5, 6, 4, 12, 3, 11, 2, 10, 1, 9, 119, 126, 108, 117, 125, 123, 107, 115,
      116, 121, 105, 114, 122, 112, 113, 127, 96, 97, 120, 7, 15, 23, 31, 39, 47, 55, 63, 71, 79, 86, 94, 8,
      16, 24, 32, 40, 48, 56, 64, 72, 80, 87, 111, 19, 25, 57, 81, 83, 92, 95, 98, 99, 100, 101, 103, 104,
      106, 109, 110,
    ];
    for (let set1 = 1; set1 < 0x80; set1++) {
      rig.i8042.pressKey([set1ToSet2[set1], 0xf0, set1ToSet2[set1]]);
      expect(rig.drain()).toEqual([set1, set1 | 0x80]);
    }
  });

  it('translates the two keys beyond the table, and leaves the rest', () => {
    rig.i8042.pressKey([0x83, 0x84, 0x85, 0xe1, 0xff]);
    expect(rig.drain()).toEqual([0x41, 0x54, 0x85, 0xe1, 0xff]);
  });

  it('wait while the interface is disabled', () => {
    rig.command(0xad);
    rig.i8042.pressKey([0x1c]);
    expect([rig.status() & OUTPUT_FULL, rig.keyboardIrq.level]).toEqual([0, false]);
    rig.command(0xae);
    expect([rig.drain(), rig.keyboardIrq.edges]).toEqual([[0x1e], 1]);
  });

  it('are refused while scanning is disabled', () => {
    rig.keyboard(0xf5);
    expect(rig.i8042.pressKey([0x1c])).toBe(false);
    rig.keyboard(0xf4);
    expect(rig.i8042.pressKey([0x1c])).toBe(true);
    expect(rig.drain()).toEqual([0x1e]);
  });

  it('are refused whole when there is no room', () => {
    for (let i = 0; i < 17; i++) expect(rig.i8042.pressKey([0x1c])).toBe(true);
    expect(rig.i8042.pressKey([0x1c])).toBe(false);
    rig.guest.in(DATA);
    expect(rig.i8042.pressKey([0xf0, 0x1c])).toBe(false);
    expect(rig.i8042.pressKey([0x1c])).toBe(true);
    expect(rig.drain()).toEqual(Array.from({ length: 17 }, () => 0x1e));
  });

  it('come after the answer to a command', () => {
    rig.command(0xad);
    rig.i8042.pressKey([0x1c]);
    expect(rig.keyboard(0xf2)).toEqual([0xfa, 0xab, 0x41, 0x1e]);
  });

  it('are forgotten when the guest resets or reprograms the keyboard', () => {
    for (const command of [[0xff], [0xf4], [0xf5], [0xf6], [0xf0, 0x02]]) {
      rig.command(0xad);
      rig.keyboard(0xf4);
      rig.command(0xad);
      rig.i8042.pressKey([0x1c]);
      expect(rig.keyboard(...command)).not.toContain(0x1e);
    }
  });
});

describe("Linux's i8042 driver", () => {
  it('finds both ports, no multiplexer, and a keyboard', () => {
    // Nothing to flush.
    expect(rig.drain()).toEqual([]);
    expect(rig.ask(0xaa)).toBe(0x55);
    const initial = rig.ask(0x20);
    expect(initial & 0x40).toBe(0x40);
    let ctr = (initial | 0x10) & ~0x01;
    expect(rig.status() & UNLOCKED).toBe(UNLOCKED);
    rig.command(0x60, ctr);

    // Auxiliary port: loopback, then the disable bit follows the commands.
    rig.command(0xd3, 0x5a);
    expect(rig.status() & AUX_DATA).toBe(AUX_DATA);
    expect(rig.guest.in(DATA)).toBe(0x5a);
    rig.command(0xa7);
    expect(rig.ask(0x20) & 0x20).toBe(0x20);
    rig.command(0xa8);
    expect(rig.ask(0x20) & 0x20).toBe(0x00);
    ctr = (ctr & ~0x20) | 0x02;
    rig.command(0x60, ctr);
    rig.command(0xd3, 0xa5);
    expect(rig.auxIrq.edges).toBe(1);
    expect(rig.guest.in(DATA)).toBe(0xa5);
    ctr = (ctr | 0x20) & ~0x02;
    rig.command(0x60, ctr);

    // A multiplexer would answer the third byte with its version.
    expect([rig.ask(0xd3, 0xf0), rig.ask(0xd3, 0x56), rig.ask(0xd3, 0xa4)]).toEqual([0xf0, 0x56, 0xa4]);

    // Keyboard: interrupt on, then the probe of atkbd.
    ctr = (ctr & ~0x10) | 0x01;
    rig.command(0x60, ctr);
    expect(rig.keyboard(0xf2)).toEqual([0xfa, 0xab, 0x41]);
    expect(rig.keyboard(0xf5)).toEqual([0xfa]);
    expect(rig.keyboard(0xed, 0x00)).toEqual([0xfa, 0xfa]);
    expect(rig.keyboard(0xf3, 0x00)).toEqual([0xfa, 0xfa]);
    expect(rig.keyboard(0xf4)).toEqual([0xfa]);
    expect(rig.keyboardIrq.edges).toBeGreaterThan(0);
    expect(rig.keyboardIrq.level).toBe(false);
  });
});

describe('reset, save and load', () => {
  const copyOf = (state: DeviceState): Rig => {
    const copy = new Rig();
    copy.i8042.load(state);
    return copy;
  };

  it('goes back to its first state', () => {
    const fresh = snapshot(rig.i8042);
    rig.command(0x60, 0x03);
    rig.keyboard(0xf0, 0x03, 0xed, 0x07, 0xf5);
    rig.i8042.pressKey([0x1c]);
    rig.command(0xd3, 0x5a);
    rig.command(0xd1, 0x01);
    rig.command(0xd4);
    rig.i8042.reset();
    expect(snapshot(rig.i8042)).toEqual(fresh);
    expect([rig.auxIrq.level, rig.keyboardIrq.level, rig.drain()]).toEqual([false, false, []]);
  });

  it('continues in the middle of traffic', () => {
    rig.i8042.pressKey([0x1c, 0x32, 0xf0]);
    rig.command(0x60, 0x47);
    rig.command(0xd3, 0x5a);
    rig.guest.out(DATA, 0xed);
    rig.command(0xd1);
    const copy = copyOf(snapshot(rig.i8042));
    for (const each of [rig, copy]) {
      expect(each.keyboardIrq.level).toBe(true);
      // The argument of 0xD1, then the one of 0xED.
      each.guest.out(DATA, 0xdd);
      each.guest.out(DATA, 0x03);
      expect(each.drain()).toEqual([0x1e, 0x5a, 0xfa, 0xfa, 0x30]);
      expect(each.i8042.keyboard.leds).toBe(0x03);
      each.i8042.pressKey([0x32]);
      expect(each.drain()).toEqual([0xb0]);
      expect(each.ask(0xd0) & 0x02).toBe(0);
    }
  });

  it('behaves after loading as the original does, whatever the guest does', () => {
    const byte = fc.oneof(fc.integer({ min: 0, max: 0xff }), fc.constantFrom(0x60, 0xd3, 0xf0, 0xf2, 0x20));
    const step = fc.record({
      kind: fc.constantFrom('status', 'data', 'data', 'command', 'write', 'key'),
      value: byte,
    });
    const run = (on: Rig, { kind, value }: { kind: string; value: number }) => {
      if (kind === 'status') return on.status();
      if (kind === 'data') return on.guest.in(DATA);
      if (kind === 'command') on.guest.out(COMMAND, value);
      if (kind === 'write') on.guest.out(DATA, value);
      if (kind === 'key') return on.i8042.pressKey([value]);
      return undefined;
    };
    fc.assert(
      fc.property(fc.array(step), fc.array(step), (before, after) => {
        const original = new Rig();
        for (const each of before) run(original, each);
        const copy = copyOf(snapshot(original.i8042));
        for (const each of after) {
          expect(run(copy, each)).toEqual(run(original, each));
          expect([copy.keyboardIrq.level, copy.auxIrq.level]).toEqual([
            original.keyboardIrq.level,
            original.auxIrq.level,
          ]);
        }
        expect(snapshot(copy.i8042)).toEqual(snapshot(original.i8042));
      }),
    );
  });
});
