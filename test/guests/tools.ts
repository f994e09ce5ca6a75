import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** Which of these programs the host lacks, in words for the message of what is skipped. */
export function missingTools(names: readonly string[]): string | undefined {
  const missing = names.filter(name => spawnSync('sh', ['-c', `command -v ${name}`]).status !== 0);
  return missing.length === 0 ? undefined : `not installed: ${missing.join(', ')}`;
}

/**
 * Runs a program of the host.
 * @returns what it wrote to standard output
 * @throws Error with all that it said, if its status is not 0
 */
export function tool(name: string, args: readonly string[]): string {
  const { status, stdout, stderr } = spawnSync(name, args, { encoding: 'utf8' });
  if (status !== 0)
    throw new Error(`${name} ${args.join(' ')}: status ${String(status)}\n${stdout}${stderr}`);
  return stdout;
}

/** A new folder that is removed at the end of the block. */
export function temporaryFolder(): { readonly path: string } & Disposable {
  const path = mkdtempSync(join(tmpdir(), 'tsvmm-guest-'));
  return { path, [Symbol.dispose]: () => rmSync(path, { recursive: true, force: true }) };
}
