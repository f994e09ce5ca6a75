import { ConfigError } from '../errors.js';
import type { HpetOption } from '../vmm/machine/hpet-options.js';
import { parseSwitch, splitSetting } from './switches.js';

/** How `--hpet` is written. */
export const HPET_SYNTAX = '64|32|on|off[,timers=N][,msi=on|off]';

/**
 * High precision event timers as `--hpet` names them: the width of the main counter, or whether there are any.
 * @throws ConfigError that says which part is not understood
 */
export function parseHpet(text: string): boolean | HpetOption {
  const [first, ...parts] = text.split(',');
  if (first === 'off' && parts.length === 0) return false;
  const hpet: { -readonly [Key in keyof HpetOption]: HpetOption[Key] } = {};
  if (first === '64' || first === '32') hpet.width = Number(first) as 64 | 32;
  else if (first !== 'on') {
    throw new ConfigError(`--hpet: '${text}' is not understood: write ${HPET_SYNTAX}`, { text });
  }
  for (const part of parts) {
    const [key, value] = splitSetting(part);
    if (key === 'timers') hpet.timers = /^\d+$/.test(value) ? Number(value) : NaN;
    else if (key === 'msi') hpet.msi = parseSwitch('--hpet', key, value);
    else throw new ConfigError(`--hpet: '${part}' is not understood: write ${HPET_SYNTAX}`, { part });
  }
  return hpet;
}
