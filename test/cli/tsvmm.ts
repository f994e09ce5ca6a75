import { execFileSync, spawn, type ChildProcess, type SpawnOptions } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { constants, tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { onTestFinished } from 'vitest';

/** The program as users start it. */
export const MAIN = new URL('../../dist/bundle/main.js', import.meta.url).pathname;

/** A hung process fails its test this way; a host that emulates guests, with other tests beside, is slow. */
const HUNG_MS = 45_000;

/** How a process ended and what it wrote. */
export interface Finished {
  /** The exit status; 128 + N when signal N ended it. */
  readonly status: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface TsvmmOptions {
  /** Written to standard input, which then ends; nothing by default. */
  readonly input?: string | Uint8Array;
  readonly cwd?: string;
  readonly uid?: number;
}

/** Runs tsvmm to its end. */
export async function tsvmm(
  args: readonly string[],
  { input, ...options }: TsvmmOptions = {},
): Promise<Finished> {
  const child = startTsvmm(args, { ...options, stdio: 'pipe' });
  // A run that ends before it has read everything closes the pipe.
  child.stdin!.on('error', () => undefined);
  child.stdin!.end(input);
  const [status, stdout, stderr] = await Promise.all([
    statusOf(child),
    text(child.stdout!),
    text(child.stderr!),
  ]);
  return { status, stdout, stderr };
}

/** Starts tsvmm, killed at the end of the test if it is still there. */
export function startTsvmm(args: readonly string[], options: SpawnOptions): ChildProcess {
  const child = spawn(process.execPath, [MAIN, ...args], options);
  onTestFinished(() => void child.kill('SIGKILL'));
  return child;
}

/** Waits for a process's end, which may have come already. */
export async function statusOf(child: ChildProcess): Promise<number> {
  const timer = setTimeout(() => child.kill('SIGABRT'), HUNG_MS);
  try {
    if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
    if (child.signalCode === 'SIGABRT') throw new Error(`it hung: ${child.spawnargs.join(' ')}`);
    return child.exitCode ?? signalNumber(child.signalCode!);
  } finally {
    clearTimeout(timer);
  }
}

function signalNumber(signal: NodeJS.Signals): number {
  return 128 + constants.signals[signal];
}

/** A folder for one test's files. */
export function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'tsvmm-cli-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  return folder;
}

/** A FIFO in this folder. */
export function makeFifo(folder: string): string {
  const path = join(folder, 'fifo');
  execFileSync('mkfifo', [path]);
  return path;
}

/** Gathers what a stream says and waits for pieces of it. */
export class Transcript {
  text = '';
  private readonly pieces: Buffer[] = [];
  /** Resolves at the end of the stream. */
  readonly ended: Promise<void>;
  private readonly waiters = new Set<() => void>();
  private hasEnded = false;

  constructor(stream: NodeJS.ReadableStream) {
    const decoder = new TextDecoder();
    stream.on('data', (data: Buffer) => {
      this.pieces.push(data);
      this.text += decoder.decode(data, { stream: true });
      this.wake();
    });
    this.ended = new Promise(resolve => {
      const end = (): void => {
        this.hasEnded = true;
        this.wake();
        resolve();
      };
      stream.on('end', end).on('close', end);
    });
  }

  get bytes(): Buffer {
    return Buffer.concat(this.pieces);
  }

  /** Waits until the text matches. @throws when the stream ends before that */
  async waitFor(pattern: RegExp): Promise<RegExpExecArray> {
    for (;;) {
      const match = pattern.exec(this.text);
      if (match) return match;
      if (this.hasEnded) throw new Error(`ended without ${String(pattern)}: ${JSON.stringify(this.text)}`);
      await new Promise<void>(resolve => this.waiters.add(resolve));
    }
  }

  private wake(): void {
    for (const waiter of this.waiters) waiter();
    this.waiters.clear();
  }
}
