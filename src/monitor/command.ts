import { TsvmmError } from '../errors.js';
import type { Machine } from '../vmm/machine/machine.js';

/** A command that cannot be done, and why: one line for the person at the monitor. */
export class MonitorError extends TsvmmError {
  constructor(message: string) {
    super('MONITOR', message);
  }
}

/** What a command works with. */
export interface MonitorContext {
  readonly machine: Machine;
  /** The vCPU that commands are about which look at one. */
  cpu: number;
  /** Ends the run and leaves. */
  readonly quit: () => void;
}

/** A command of the monitor, or a topic of `info`, by QEMU's word for it. */
export interface MonitorCommand {
  readonly name: string;
  readonly alias?: string;
  /** How its arguments are written. */
  readonly parameters?: string;
  readonly help: string;
  /** @returns what it says, a line each, or nothing */
  run(
    words: readonly string[],
    context: MonitorContext,
  ): readonly string[] | void | Promise<readonly string[] | void>;
}

export function find(commands: readonly MonitorCommand[], name: string): MonitorCommand | undefined {
  return commands.find(command => command.name === name || command.alias === name);
}

/** Lines of help, aligned. @param prefix what stands before each name */
export function describe(commands: readonly MonitorCommand[], prefix = ''): string[] {
  const usages = commands.map(command => prefix + usageOf(command));
  const width = Math.max(...usages.map(usage => usage.length));
  return commands.map(({ help }, i) => `${usages[i].padEnd(width)}  ${help}`);
}

export function usageOf({ name, alias, parameters }: MonitorCommand): string {
  return [alias === undefined ? name : `${name}|${alias}`, parameters ?? ''].join(' ').trimEnd();
}
