import { ConfigError } from '../errors.js';
import { MACHINE_TYPES, type MachineTypeOption } from '../vmm/machine/machine-parts.js';

/** How `--machine` is written. */
export const MACHINE_SYNTAX = `${MACHINE_TYPES.join('|')}[,pic=on|off][,pit=on|off][,rtc=on|off][,auto-kernel-cmdline=on|off]`;

type Switch = 'pic' | 'pit' | 'rtc' | 'autoKernelCmdline';

/** QEMU's words. */
const SWITCHES: Readonly<Record<string, Switch>> = {
  pic: 'pic',
  pit: 'pit',
  rtc: 'rtc',
  'auto-kernel-cmdline': 'autoKernelCmdline',
};

/**
 * A machine as `--machine` names it: its type, and what of it is to be there or not.
 * @throws ConfigError that says which part is not understood
 */
export function parseMachine(text: string): MachineTypeOption {
  const [name, ...parts] = text.replace(/^type=/, '').split(',');
  const type = MACHINE_TYPES.find(known => known === name);
  if (!type)
    throw new ConfigError(`--machine is one of ${MACHINE_TYPES.join(', ')}, not '${name}'`, { name });
  const machine: { -readonly [Key in keyof MachineTypeOption]: MachineTypeOption[Key] } = { type };
  for (const part of parts) {
    const [key, value = 'on'] = part.split(/=(.*)/s, 2);
    if (!Object.hasOwn(SWITCHES, key)) {
      throw new ConfigError(`--machine: '${part}' is not understood: write ${MACHINE_SYNTAX}`, { part });
    }
    if (value !== 'on' && value !== 'off')
      throw new ConfigError(`--machine: ${key} is on or off, not '${value}'`, { part });
    machine[SWITCHES[key]] = value === 'on';
  }
  return machine;
}
