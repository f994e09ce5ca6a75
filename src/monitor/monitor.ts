import { TsvmmError } from '../errors.js';
import type { Machine } from '../vmm/machine/machine.js';
import { describe, find, MonitorError, type MonitorCommand, type MonitorContext } from './command.js';
import { INFO_COMMAND, TOPICS } from './commands/info.js';
import { MEMORY_COMMANDS } from './commands/memory.js';
import { RUN_STATE_COMMANDS } from './commands/run-state.js';

const HELP: MonitorCommand = {
  name: 'help',
  alias: '?',
  parameters: '[COMMAND]',
  help: 'this list, or one command of it',
  run: ([name]) => {
    if (name === undefined) return describe(COMMANDS);
    const command = find(COMMANDS, name);
    if (!command) throw new MonitorError(`unknown command: '${name}'`);
    return command === INFO_COMMAND ? describe(TOPICS, 'info ') : describe([command]);
  },
};

const COMMANDS: readonly MonitorCommand[] = [HELP, INFO_COMMAND, ...MEMORY_COMMANDS, ...RUN_STATE_COMMANDS];

export interface MonitorOptions {
  /** What `quit` does; by default it ends the run. */
  readonly quit?: () => void;
}

/** A monitor of one machine: takes lines, with QEMU's words where QEMU has one, and answers in text. */
export class Monitor {
  private readonly context: MonitorContext;

  constructor(machine: Machine, { quit = () => void machine.stop() }: MonitorOptions = {}) {
    this.context = { machine, cpu: 0, quit };
  }

  /**
   * Does what a line says. Never rejects: what is wrong is told in the answer.
   * @returns the answer, whose lines each end in a line feed; '' for none
   */
  async execute(line: string): Promise<string> {
    const lines = await this.answer(line.trim().split(/\s+/));
    return lines.map(text => `${text}\n`).join('');
  }

  /** What the last word of `line` may become, for completion on a terminal. */
  complete(line: string): string[] {
    const words = line.trimStart().split(/\s+/);
    const last = words.at(-1)!;
    const commands =
      words.length === 1
        ? COMMANDS
        : words.length === 2 && ['info', 'help'].includes(words[0])
          ? words[0] === 'info'
            ? TOPICS
            : COMMANDS
          : [];
    return commands.map(({ name }) => name).filter(name => name.startsWith(last));
  }

  private async answer([name, ...words]: readonly string[]): Promise<readonly string[]> {
    if (name === undefined || name === '') return [];
    // As in QEMU, a format may stick to the command: x/4xg.
    const slash = name.indexOf('/');
    if (slash > 0) return this.answer([name.slice(0, slash), name.slice(slash), ...words]);
    const command = find(COMMANDS, name);
    if (!command) return [`unknown command: '${name}' (help lists the commands)`];
    try {
      return (await command.run(words, this.context)) ?? [];
    } catch (error) {
      if (error instanceof TsvmmError) return [`Error: ${error.message}`];
      throw error;
    }
  }
}
