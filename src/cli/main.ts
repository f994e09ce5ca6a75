#!/usr/bin/env node
import { readFileSync } from 'node:fs';
import { Command, CommanderError } from 'commander';
import { TsvmmError } from '../errors.js';
import { doctorCommand } from './doctor.js';
import { inspectCommand } from './inspect.js';
import { runCommand } from './run.js';

/** Bad input: a flag, a file, a size, a host that cannot do what was asked for. */
const STATUS_BAD_INPUT = 2;
/** An error inside tsvmm. */
const STATUS_INTERNAL = 125;

function program(): Command {
  const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as {
    version: string;
  };
  return new Command('tsvmm')
    .description('Boot, profile, test and debug unikernels, drivers and small kernels.')
    .version(version)
    .configureOutput({ outputError: () => undefined })
    .exitOverride()
    .addCommand(runCommand())
    .addCommand(inspectCommand())
    .addCommand(doctorCommand());
}

/** One line for the user, never a stack trace; an error of tsvmm's own making is told apart from one of the user's. */
function report(error: unknown): number {
  if (error instanceof CommanderError) {
    // Help and version end here too, with status 0.
    if (error.exitCode === 0) return 0;
    process.stderr.write(`tsvmm: ${oneLine(error.message.replace(/^error: /, ''))} (see tsvmm --help)\n`);
    return STATUS_BAD_INPUT;
  }
  if (error instanceof TsvmmError) {
    process.stderr.write(`tsvmm: ${oneLine(error.message)}\n`);
    return ['CONFIG', 'IMAGE', 'ACCELERATOR', 'BUS_CONFLICT'].includes(error.code)
      ? STATUS_BAD_INPUT
      : STATUS_INTERNAL;
  }
  process.stderr.write(
    `tsvmm: internal error, please report it: ${error instanceof Error ? error.stack : String(error)}\n`,
  );
  return STATUS_INTERNAL;
}

function oneLine(text: string): string {
  return text.replace(/\s*\n\s*/g, ' ');
}

/** Errors inside subcommands reach `report` too. */
function overrideExits(command: Command): Command {
  for (const sub of command.commands) {
    sub.exitOverride().configureOutput({ outputError: () => undefined });
    overrideExits(sub);
  }
  return command;
}

try {
  await overrideExits(program()).parseAsync(process.argv);
} catch (error) {
  process.exitCode = report(error);
}
