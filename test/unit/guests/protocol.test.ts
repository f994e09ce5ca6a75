import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { guestValue, parseGuestOutput } from '../../guests/protocol.js';

const HELLO = `# hello from tsvmm
hello.protocol PASS pvh
hello.command-line PASS a=b%20c=d
hello.module0.string PASS ${''}
hello.modules FAIL 2
hello END 3 1
`;

/** As put_token in guests/lib/print.c. */
function encodeToken(text: string): string {
  return [...Buffer.from(text, 'utf8')]
    .map(byte =>
      byte > 0x20 && byte < 0x7f && byte !== 0x25
        ? String.fromCharCode(byte)
        : `%${byte.toString(16).padStart(2, '0')}`,
    )
    .join('');
}

describe('parseGuestOutput', () => {
  it('reads checks, comments and the end', () => {
    const report = parseGuestOutput(HELLO);
    expect(report).toMatchObject({
      guest: 'hello',
      comments: ['hello from tsvmm'],
      otherLines: [],
      passed: 3,
      failed: 1,
      ended: true,
      succeeded: false,
      unfinished: '',
    });
    expect(report.checks[0]).toEqual({ guest: 'hello', name: 'protocol', passed: true, value: 'pvh' });
    expect(report.checks[3]).toMatchObject({ name: 'modules', passed: false, value: '2' });
  });

  it('decodes values and tells an empty one from an absent check', () => {
    const report = parseGuestOutput(HELLO);
    expect(guestValue(report, 'command-line')).toBe('a=b c=d');
    expect(guestValue(report, 'module0.string')).toBe('');
    expect(guestValue(report, 'module1.string')).toBeUndefined();
  });

  it('succeeds only with an END line that agrees with the checks', () => {
    expect(parseGuestOutput('smp.cpu0 PASS 0\nsmp END 1 0\n').succeeded).toBe(true);
    expect(parseGuestOutput('smp.cpu0 PASS 0\n').succeeded).toBe(false);
    expect(parseGuestOutput('smp.cpu0 PASS 0\nsmp END 2 0\n').succeeded).toBe(false);
    expect(parseGuestOutput('smp.cpu0 FAIL 0\nsmp END 1 0\n').succeeded).toBe(false);
    expect(parseGuestOutput('smp.cpu0 FAIL 0\nsmp END 0 1\n').succeeded).toBe(false);
  });

  it('keeps what a stopped guest left', () => {
    const report = parseGuestOutput('idle.started PASS \nidle EN');
    expect(report).toMatchObject({ guest: 'idle', passed: 1, ended: false, unfinished: 'idle EN' });
  });

  it('keeps lines that are not of the protocol', () => {
    const report = parseGuestOutput('SeaBIOS (version 1)\n\necho: PASS\n# ready\n');
    expect(report.otherLines).toEqual(['SeaBIOS (version 1)', 'echo: PASS']);
    expect(report.comments).toEqual(['ready']);
    expect(report.guest).toBeUndefined();
  });

  it('gives back every value that a guest can print', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), value => {
        const report = parseGuestOutput(`hello.command-line PASS ${encodeToken(value)}\nhello END 1 0\n`);
        expect(guestValue(report, 'command-line')).toBe(value);
        expect(report.succeeded).toBe(true);
      }),
    );
  });

  it('never throws, whatever the text', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), text => {
        const report = parseGuestOutput(text);
        expect(report.passed + report.failed).toBe(report.checks.length);
      }),
    );
  });
});
