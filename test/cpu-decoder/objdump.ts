import { spawn } from 'node:child_process';

/** One line of a disassembly: address and bytes in hexadecimal, the instruction in Intel syntax. */
export type AcceptLine = (address: string, bytes: string, text: string) => boolean;

/**
 * Hands over what objdump makes of a file, line by line, until `accept` returns false. Branches are decoded as AMD's
 * processors do, which is objdump's default.
 *
 * @param options more options of objdump, such as a raw file's machine
 */
export async function objdump(file: string, options: readonly string[], accept: AcceptLine): Promise<void> {
  const process = spawn(
    'objdump',
    ['-z', '-w', '--insn-width=15', '-M', 'intel', ...(options.length > 0 ? options : ['-d']), file],
    { stdio: ['ignore', 'pipe', 'inherit'], env: { LC_ALL: 'C', PATH: globalThis.process.env['PATH'] } },
  );
  const closed = new Promise<number | null>((resolve, reject) => {
    process.once('error', reject);
    process.once('close', resolve);
  });
  process.stdout.setEncoding('latin1');
  let rest = '';
  let wanted = true;
  for await (const chunk of process.stdout as AsyncIterable<string>) {
    const text = rest + chunk;
    let start = 0;
    for (;;) {
      const end = text.indexOf('\n', start);
      if (end < 0) break;
      if (wanted) wanted = acceptLine(text.slice(start, end), accept);
      start = end + 1;
    }
    rest = text.slice(start);
    if (!wanted) break;
  }
  if (!wanted) process.kill();
  const status = await closed;
  if (wanted && status !== 0) throw new Error(`objdump ${file}: status ${status}`);
}

/** "  401000:\t48 83 ec 08 \tsub    rsp,0x8" */
function acceptLine(line: string, accept: AcceptLine): boolean {
  const colon = line.indexOf(':\t');
  if (colon < 0) return true;
  const tab = line.indexOf('\t', colon + 2);
  const bytes = line.slice(colon + 2, tab < 0 ? undefined : tab).trimEnd();
  return accept(line.slice(0, colon).trimStart(), bytes, tab < 0 ? '' : line.slice(tab + 1));
}
