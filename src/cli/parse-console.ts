import { ConfigError } from '../errors.js';
import type { ConsoleOption } from '../vmm/machine/console-options.js';
import { splitAtCommas } from './properties.js';
import { parseSerialSpec, type SerialSpec } from './serial/spec.js';

/** How `--console` is written. */
export const CONSOLE_SYNTAX = 'WHERE[,name=TEXT][,id=ID]';

/** A console port of the guest, and where it goes. */
export interface ConsoleFlag {
  /** The option that asks for it, for messages. */
  readonly flag: string;
  /** By which a `--device` names it. */
  readonly id?: string;
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
  let id: string | undefined;
  for (const part of parts) {
    const [key, value] = part.split(/=(.*)/s, 2);
    if ((key !== 'name' && key !== 'id') || value === undefined) {
      throw new ConfigError(`--console: '${part}' is not understood: write ${CONSOLE_SYNTAX}`, { part });
    }
    if (key === 'name') option.name = value;
    else id = value;
  }
  return {
    flag: '--console',
    ...(id !== undefined && { id }),
    option,
    spec: parseSerialSpec(where, '--console'),
  };
}
