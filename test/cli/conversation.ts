import { HARDWARE } from '../guests/harness.js';

/** Bytes that a conversation with the echo guest may have here: where KVM emulates it, each takes some 0.1 ms. */
export const LONG_CONVERSATION = HARDWARE ? 1 << 20 : 24 << 10;

const LINE_END = new Set([0x0a, 0x0d]);
/** Below the guest's longest line. */
const LINE_LENGTH = 1000;

/** What to say to `echo.elf`, once it is ready, and what it answers then: all bytes that its lines can hold. */
export interface Conversation {
  readonly input: Buffer;
  readonly output: Buffer;
}

/** @param size bytes of input, without the `quit` at its end */
export function longConversation(size: number): Conversation {
  const input: Buffer[] = [];
  const output: Buffer[] = [];
  let lines = 0;
  for (let at = 0; at < size; at += LINE_LENGTH) {
    const length = Math.min(LINE_LENGTH, size - at) - 1;
    const line = Buffer.from(Array.from({ length }, (_, i) => lineByte(at + i)));
    input.push(line, Buffer.from('\n'));
    output.push(Buffer.from('echo: '), line, Buffer.from('\n'));
    lines++;
  }
  input.push(Buffer.from('quit\n'));
  output.push(Buffer.from(`echo.lines PASS ${lines}\necho.lost PASS 0\n# interrupts 0\necho END 2 0\n`));
  return { input: Buffer.concat(input), output: Buffer.concat(output) };
}

/** Any byte but NUL and the ends of lines, in an order that shows what is missing. */
function lineByte(index: number): number {
  const byte = 1 + ((index * 7 + (index >> 8)) % 255);
  return LINE_END.has(byte) ? 0x2e : byte;
}
