import { execFile } from 'node:child_process';
import { accessSync, constants } from 'node:fs';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { promisify } from 'node:util';

const NOISE = /\b0 (Errors|Warnings|Remarks)\b/g;
const COMPLAINT = /error|warning|remark|invalid|unknown|could not|unexpected|not found/i;

/** Where ACPICA's compiler and disassembler is (Debian: acpica-tools); `undefined` where it is not. */
export const IASL = (process.env.PATH ?? '')
  .split(delimiter)
  .map(folder => join(folder || '.', 'iasl'))
  .find(path => {
    try {
      accessSync(path, constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });

/** A table's source as iasl writes it. @throws Error when iasl has anything to remark */
export async function disassemble(table: Uint8Array): Promise<string> {
  const source = await convert('table.aml', table, ['-p', 'out', '-dl', 'table.aml'], 'out.dsl');
  return source.toString('latin1');
}

/** A source's table. Nothing is optimized away. @throws Error when iasl has anything to remark */
export function compile(source: string): Promise<Uint8Array> {
  return convert('table.dsl', source, ['-oa', '-p', 'out', 'table.dsl'], 'out.aml');
}

async function convert(
  input: string,
  content: Uint8Array | string,
  args: readonly string[],
  output: string,
): Promise<Buffer> {
  const folder = await mkdtemp(join(tmpdir(), 'tsvmm-iasl-'));
  try {
    await writeFile(join(folder, input), content);
    const { stdout, stderr } = await promisify(execFile)(IASL!, args, { cwd: folder });
    const said = `${stdout}\n${stderr}`;
    if (COMPLAINT.test(said.replace(NOISE, ''))) throw new Error(`iasl ${args.join(' ')} says:\n${said}`);
    return await readFile(join(folder, output));
  } finally {
    await rm(folder, { recursive: true });
  }
}
