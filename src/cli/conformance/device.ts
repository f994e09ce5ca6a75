import { Command, Option } from 'commander';
import { PROGRAMS } from '../../conformance/device/programs.js';
import { ConfigError } from '../../errors.js';
import { parsePath, parseTime } from '../parse.js';
import { reportOptions, type ReportFlags } from './report-options.js';

export interface DeviceFlags extends ReportFlags {
  readonly filter?: string;
  readonly against?: 'qemu';
  readonly qemu: string;
  readonly guests?: string;
  readonly accel: 'auto' | 'kvm' | 'wasm';
  readonly timeout: number;
  readonly verbose?: true;
}

const WIDTH = Math.max(...PROGRAMS.map(({ name }) => name.length));
const HELP = `
The guest programs, by their names:
${PROGRAMS.map(({ name, about }) => `  ${name.padEnd(WIDTH)}  ${about}\n`).join('')}
Exit status: 0 when all clauses passed or are in the baseline, 1 when one failed or a program did not end, 2 for bad input.`;

export function deviceCommand(): Command {
  const command = new Command('device')
    .description('Boot small guests that check the devices themselves, clause by clause.')
    .addOption(new Option('--filter <text>', 'only programs whose names contain this'))
    .addOption(
      new Option(
        '--against <machine>',
        'run the same guests there too, and show where both differ; qemu',
      ).choices(['qemu']),
    )
    .addOption(new Option('--qemu <file>', 'the QEMU to take').default('qemu-system-x86_64'))
    .addOption(
      new Option(
        '--guests <folder>',
        'where the guests are, if not in guests/build/conformance of tsvmm',
      ).argParser(parsePath),
    )
    .addOption(
      new Option('--accel <name>', 'what runs them').choices(['auto', 'kvm', 'wasm']).default('auto'),
    )
    .addOption(new Option('--timeout <time>', 'of each program').argParser(parseTime).default(120_000, '2m'))
    .addOption(new Option('-v, --verbose', 'say on stderr what is run'));
  for (const option of reportOptions()) command.addOption(option);
  return command.addHelpText('after', HELP).action(check);
}

async function check(flags: DeviceFlags): Promise<void> {
  const { filter = '' } = flags;
  const programs = PROGRAMS.filter(({ name }) => name.includes(filter));
  if (programs.length === 0) {
    const names = PROGRAMS.map(({ name }) => name).join(', ');
    throw new ConfigError(`no program's name contains '${filter}': there are ${names}`, { filter });
  }
  const { checkDevices } = await import('./check-devices.js');
  await checkDevices(programs, flags);
}
