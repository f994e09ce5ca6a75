import { resolve } from 'node:path';
import { Option } from 'commander';
import { ConfigError } from '../../errors.js';
import { STACK_MODES, type StackMode } from '../../profile/format.js';
import { gather, once, parseChoice, parseCount, parsePath } from '../parse.js';

/** What the command line says about recording exits. */
export interface ProfileFlags {
  readonly profile?: string;
  readonly output?: string;
  readonly symbols?: readonly string[];
  readonly stacks?: StackMode;
  readonly sample?: number;
  readonly traceExits?: string;
  readonly traceOutput?: string;
  readonly bootTimeline?: true;
  readonly live?: true;
}

/** What is wanted of a recording. */
export interface ProfileRequest {
  /** The file to record to. */
  readonly file?: string;
  /** Files of symbols besides the kernel's own. */
  readonly symbols: readonly string[];
  readonly stacks: StackMode;
  /** Instructions between two samples of guest code. */
  readonly samplePeriod: number;
  readonly trace?: { readonly filter: string; readonly output?: string };
  readonly bootTimeline: boolean;
  readonly live: boolean;
}

/** Where `tsvmm profile` writes, if nobody says. */
export const DEFAULT_FILE = 'tsvmm.profile';
const DEFAULT_SAMPLE_PERIOD = 40_000;

/** @param command whose options they are: `profile` has some of its own */
export function profileOptions(command: 'run' | 'profile'): Option[] {
  const single = <T>(flags: string, description: string, parse: (text: string) => T): Option => {
    const option = new Option(flags, description);
    return option.argParser(once(option.long!, parse));
  };
  const own =
    command === 'run'
      ? [single('--profile <file>', 'record every exit to this file, for tsvmm report', parsePath)]
      : [
          single('-o, --output <file>', `the file to record to (default: ${DEFAULT_FILE})`, parsePath),
          new Option('--live', 'show exits a second while the guest runs, by reason and device, on stderr'),
        ];
  return [
    ...own,
    new Option(
      '--symbols <file>',
      'with a recording or a trace: further symbols and unwind data: an ELF file, a separate debug file, a shared object, a System.map; repeatable',
    ).argParser(gather),
    single(
      '--stacks <which>',
      `with a recording: call stacks of which exits: ${STACK_MODES.join(', ')} (default: sampled)`,
      parseChoice(STACK_MODES),
    ),
    single(
      '--sample <n>',
      `with a recording on wasm: sample guest code every n instructions, 0 for never (default: ${DEFAULT_SAMPLE_PERIOD})`,
      parseCount(0, 1e12),
    ),
    single(
      '--trace-exits [=filter]',
      'write a line for each exit to stderr; the filter lists reasons, devices and device.register, with ! those that are not wanted',
      text => text,
    ),
    single('--trace-output <file>', 'with --trace-exits: write the lines to this file', parsePath),
    new Option('--boot-timeline', 'tell milestones of the boot at its end, and the exits between them'),
  ];
}

/**
 * @param command which command has these flags
 * @returns `undefined` when nothing is to be recorded
 * @throws ConfigError for flags that need others
 */
export function profileRequest(command: 'run' | 'profile', flags: ProfileFlags): ProfileRequest | undefined {
  const { traceExits, traceOutput, bootTimeline = false, live = false } = flags;
  const file = command === 'profile' ? (flags.output ?? DEFAULT_FILE) : flags.profile;
  if (traceOutput !== undefined && traceExits === undefined)
    throw new ConfigError('--trace-output needs --trace-exits');
  const recorded = file !== undefined;
  for (const flag of ['stacks', 'sample'] as const) {
    if (flags[flag] !== undefined && !recorded) throw new ConfigError(`--${flag} needs --profile`);
  }
  if (flags.symbols !== undefined && !recorded && traceExits === undefined)
    throw new ConfigError('--symbols needs --profile or --trace-exits');
  if (!recorded && traceExits === undefined && !bootTimeline) return undefined;
  return {
    ...(file !== undefined && { file }),
    symbols: flags.symbols ?? [],
    stacks: flags.stacks ?? (recorded ? 'sampled' : 'none'),
    samplePeriod: recorded ? (flags.sample ?? DEFAULT_SAMPLE_PERIOD) : 0,
    ...(traceExits !== undefined && {
      trace: { filter: traceExits, ...(traceOutput !== undefined && { output: traceOutput }) },
    }),
    bootTimeline,
    live,
  };
}

/** @throws ConfigError when a recording would overwrite one of these files */
export function checkOutputs(request: ProfileRequest | undefined, inputs: readonly string[]): void {
  const read = new Set([...inputs, ...(request?.symbols ?? [])].map(path => resolve(path)));
  const outputs = [request?.file, request?.trace?.output].filter(path => path !== undefined);
  const taken = outputs.find(path => read.has(resolve(path)));
  if (taken !== undefined)
    throw new ConfigError(`${taken} would be overwritten: it is read, too`, { path: taken });
  if (outputs.length === 2 && resolve(outputs[0]) === resolve(outputs[1]))
    throw new ConfigError(`the recording and the trace both go to ${outputs[0]}`, { path: outputs[0] });
}
