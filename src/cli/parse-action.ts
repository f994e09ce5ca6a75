import { ConfigError } from '../errors.js';
import { PANIC_ACTIONS, type PanicAction } from '../vmm/power-switch.js';

/** How `--action` is written. */
export const ACTION_SYNTAX = `panic=${PANIC_ACTIONS.join('|')}`;

/**
 * What is to happen when the guest says that it has panicked, in QEMU's words.
 * @throws ConfigError for another event or word
 */
export function parseAction(text: string): PanicAction {
  const action = PANIC_ACTIONS.find(word => text === `panic=${word}`);
  if (!action)
    throw new ConfigError(`--action: '${text}' is not understood: write ${ACTION_SYNTAX}`, { text });
  return action;
}
