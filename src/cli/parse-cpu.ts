import { ConfigError } from '../errors.js';
import type { CpuOption } from '../vmm/machine/cpu-options.js';
import { parseSwitch, splitSetting } from './switches.js';

/** How `--cpu` is written. */
export const CPU_SYNTAX = 'host|max[,kvmclock=on|off][,kvm=on|off]';

const FEATURES = ['kvmclock', 'kvm'] as const;

/**
 * What processors tell of themselves, as `--cpu` names it; `-kvmclock` and `+kvmclock` mean off and on, as in QEMU.
 * Both models are what the accelerator has.
 * @throws ConfigError that says which part is not understood
 */
export function parseCpu(text: string): CpuOption {
  const [model, ...parts] = text.split(',');
  if (model !== 'host' && model !== 'max') {
    throw new ConfigError(`--cpu is host or max, not '${model}': write ${CPU_SYNTAX}`, { model });
  }
  const cpu: { -readonly [Key in keyof CpuOption]: CpuOption[Key] } = {};
  for (const part of parts) {
    const signed = /^[+-](.*)$/.exec(part);
    const [key, value] = signed ? [signed[1], part.startsWith('+') ? 'on' : 'off'] : splitSetting(part);
    const feature = FEATURES.find(name => name === key);
    if (!feature) throw new ConfigError(`--cpu: '${part}' is not understood: write ${CPU_SYNTAX}`, { part });
    cpu[feature] = parseSwitch('--cpu', key, value);
  }
  return cpu;
}
