import { existsSync } from 'node:fs';
import type { MachineThreadPurpose } from '../host/machine-worker-thread.js';
import { KVM_DEVICE } from '../vmm/machine/kvm-device.js';

const BOOTS = ['run', 'profile'];
const HELP = ['-h', '--help'];

/**
 * What to start the machine's thread for while the command line's own code is not even loaded, from its words alone: a
 * wrong guess costs time, nothing else.
 * @param args the arguments behind the program's name
 * @param hasKvm whether this host has a device of KVM's
 * @returns nothing where no machine will be started
 */
export function headStart(
  args: readonly string[],
  hasKvm: () => boolean = () => existsSync(KVM_DEVICE),
): MachineThreadPurpose | undefined {
  const end = args.indexOf('--');
  const own = end < 0 ? args : args.slice(0, end);
  if (!BOOTS.includes(own[0]) || own.some(arg => HELP.includes(arg))) return undefined;
  return { accelerator: likelyAccelerator(own, hasKvm) };
}

/** What is certain before anything has been measured. */
function likelyAccelerator(
  args: readonly string[],
  hasKvm: () => boolean,
): MachineThreadPurpose['accelerator'] {
  const named = valueOf('--accel', args);
  if (named === 'wasm' || named === 'kvm') return named;
  if (args.includes('--icount')) return 'wasm';
  return valueOf('--kvm-device', args) === undefined && !hasKvm() ? 'wasm' : undefined;
}

function valueOf(option: string, args: readonly string[]): string | undefined {
  const at = args.findIndex(arg => arg === option || arg.startsWith(`${option}=`));
  if (at < 0) return undefined;
  return args[at] === option ? args[at + 1] : args[at].slice(option.length + 1);
}
