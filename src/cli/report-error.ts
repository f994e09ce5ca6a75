import { CommanderError } from 'commander';
import { TsvmmError } from '../errors.js';
import { ExitStatus } from './exit-statuses.js';
import { OutputClosedError } from './output.js';

/** Errors that somebody at the command line can do something about. */
const BAD_INPUT = ['CONFIG', 'IMAGE', 'ACCELERATOR', 'BUS_CONFLICT', 'PROFILE'];

/** A command line that makes no sense. */
export class UsageError extends Error {
  /** @param command the command whose `--help` explains it */
  constructor(
    message: string,
    readonly command: string,
  ) {
    super(message);
  }
}

/**
 * Tells an error on stderr: one line, and never a stack trace for what the user can mend.
 * @returns the exit status
 */
export function reportError(error: unknown): number {
  // Help, which is out already: asked for, or shown since there was no command.
  if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : ExitStatus.BadInput;
  if (error instanceof UsageError) {
    tell(`${sentence(error.message)} (see ${error.command} --help)`);
    return ExitStatus.BadInput;
  }
  if (error instanceof OutputClosedError) return ExitStatus.OutputClosed;
  if (error instanceof TsvmmError) {
    tell(error.message);
    return BAD_INPUT.includes(error.code) ? ExitStatus.BadInput : ExitStatus.Failed;
  }
  const details = error instanceof Error ? (error.stack ?? error.message) : String(error);
  process.stderr.write(`tsvmm: internal error, please report it: ${details}\n`);
  return ExitStatus.Failed;
}

/** One line for the user on stderr. */
export function tell(line: string): void {
  process.stderr.write(`tsvmm: ${printable(line)}\n`);
}

/** Commander's message as the other messages are written. */
function sentence(message: string): string {
  return message
    .replace(/^error: /, '')
    .replace('\n(Did you mean', ' (Did you mean')
    .replace(/\.$/, '');
}

/** A file's name may hold what would break the line or steer the terminal. */
function printable(text: string): string {
  return text.replace(/[\x00-\x1f\x7f-\x9f]/g, character => {
    if (character === '\n') return '\\n';
    return `\\x${character.charCodeAt(0).toString(16).padStart(2, '0')}`;
  });
}
