import { Command, Option } from 'commander';
import { KVM_DEVICE } from '../vmm/machine/kvm-device.js';
import { writeStdout } from './output.js';
import { once, parsePath } from './parse.js';

const DESCRIPTION = `Say what this host offers: KVM, its capabilities and speed, limits, and what --accel auto takes.
The exit status is 0 whatever there is: --json is for programs that want to know.`;

export function doctorCommand(): Command {
  return new Command('doctor')
    .description(DESCRIPTION)
    .summary('Say what this host offers, and what --accel auto takes.')
    .addOption(
      new Option('--kvm-device <path>', 'the KVM device')
        .argParser(once('--kvm-device', parsePath))
        .default(KVM_DEVICE),
    )
    .option('--json', 'print everything as JSON')
    .action(doctor);
}

async function doctor(flags: { readonly kvmDevice: string; readonly json?: true }): Promise<void> {
  const { diagnose, formatDiagnosis } = await import('./diagnosis.js');
  const diagnosis = diagnose(flags.kvmDevice);
  await writeStdout(flags.json ? `${JSON.stringify(diagnosis, null, 2)}\n` : formatDiagnosis(diagnosis));
}
