import type { HostBridgeName } from '../devices/pci/bridges.js';
import { ConfigError } from '../errors.js';
import { MACHINE_TYPES, type MachineTypeOption } from '../vmm/machine/machine-parts.js';
import { parseSwitch, splitSetting } from './switches.js';

/** How `--machine` is written. */
export const MACHINE_SYNTAX = `${MACHINE_TYPES.join('|')}[,host-bridge=NAME][,pic|pit|rtc|auto-kernel-cmdline=on|off]`;

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
    const [key, value] = splitSetting(part);
    if (key === 'host-bridge') {
      machine.hostBridge = value as HostBridgeName;
      continue;
    }
    if (!Object.hasOwn(SWITCHES, key)) {
      throw new ConfigError(`--machine: '${part}' is not understood: write ${MACHINE_SYNTAX}`, { part });
    }
    machine[SWITCHES[key]] = parseSwitch('--machine', key, value);
  }
  return machine;
}
