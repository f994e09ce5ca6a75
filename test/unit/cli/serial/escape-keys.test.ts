import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { EscapeKeys } from '../../../../src/cli/serial/escape-keys.js';

const CTRL_A = '\x01';

class Rig {
  readonly done: string[] = [];
  /** What was passed on, and after how many commands. */
  readonly pieces: [text: string, commands: number][] = [];
  private readonly keys = new EscapeKeys({
    quit: () => this.done.push('quit'),
    help: () => this.done.push('help'),
    monitor: () => this.done.push('monitor'),
  });

  /** What the guest gets of it. */
  type(text: string): string {
    let sent = '';
    this.keys.filter(Buffer.from(text, 'latin1'), keys => {
      sent += Buffer.from(keys).toString('latin1');
      this.pieces.push([Buffer.from(keys).toString('latin1'), this.done.length]);
    });
    return sent;
  }
}

describe('the keys of a terminal', () => {
  it('go to the guest', () => {
    const rig = new Rig();
    expect(rig.type('ls -l\r\x03\x04\x1b[A\xff\x00')).toBe('ls -l\r\x03\x04\x1b[A\xff\x00');
    expect(rig.done).toEqual([]);
  });

  it('before a command are passed on before it', () => {
    const rig = new Rig();
    rig.type(`ab${CTRL_A}ccd${CTRL_A}cef`);
    expect(rig.pieces).toEqual([
      ['ab', 0],
      ['cd', 1],
      ['ef', 2],
    ]);
  });

  it.each([
    ['x', ['quit'], ''],
    ['X', ['quit'], ''],
    ['h', ['help'], ''],
    ['?', ['help'], ''],
    ['q', ['help'], ''],
    ['c', ['monitor'], ''],
    ['a', [], CTRL_A],
    [CTRL_A, [], CTRL_A],
  ])('mean something after Ctrl-A: %j', (key, done, sent) => {
    const rig = new Rig();
    expect(rig.type(`b${CTRL_A}${key}c`)).toBe(`b${sent}c`);
    expect(rig.done).toEqual(done);
  });

  it('may come one by one', () => {
    const rig = new Rig();
    expect(rig.type(CTRL_A)).toBe('');
    expect(rig.type('')).toBe('');
    expect(rig.type('x')).toBe('');
    expect(rig.type('x')).toBe('x');
    expect(rig.done).toEqual(['quit']);
  });

  it('mean the same however they are cut into pieces', () => {
    const text = fc
      .array(fc.constantFrom('a', 'h', 'x', 'z', CTRL_A), { maxLength: 30 })
      .map(keys => keys.join(''));
    fc.assert(
      fc.property(text, fc.array(fc.nat(30)), (typed, cuts) => {
        const [whole, pieces] = [new Rig(), new Rig()];
        const places = [
          0,
          ...cuts.map(cut => Math.min(cut, typed.length)).sort((a, b) => a - b),
          typed.length,
        ];
        const sent = places.slice(1).map((end, i) => pieces.type(typed.slice(places[i], end)));
        expect(sent.join('')).toBe(whole.type(typed));
        expect(pieces.done).toEqual(whole.done);
      }),
    );
  });
});
