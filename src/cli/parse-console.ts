import { ConfigError } from '../errors.js';
import type { ConsoleOption } from '../vmm/machine/console-options.js';
import { splitAtCommas } from './properties.js';
import { parseSerialSpec, type SerialSpec } from './serial/spec.js';

/** How `--console` is written. */
export const CONSOLE_SYNTAX = 'WHERE[,name=TEXT]';

/** A console port of the guest, and where it goes. */
export interface ConsoleFlag {
  /** The option that asks for it, for messages. */
  readonly flag: string;
  readonly option: ConsoleOption;
  readonly spec: SerialSpec;
}

/**
 * A console as `--console` names it.
 * @throws ConfigError that says which part is not understood
 */
export function parseConsole(text: string): ConsoleFlag {
  const [where, ...parts] = splitAtCommas(text);
  const option: { kind: 'console'; name?: string } = { kind: 'console' };
  for (const part of parts) {
    const [key, value] = part.split(/=(.*)/s, 2);
    if (key !== 'name' || value === undefined) {
      throw new ConfigError(`--console: '${part}' is not understood: write ${CONSOLE_SYNTAX}`, { part });
    }
    option.name = value;
  }
  return { flag: '--console', option, spec: parseSerialSpec(where, '--console') };
}
