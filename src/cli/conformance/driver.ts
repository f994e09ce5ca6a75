import { Command, Option } from 'commander';
import { isVariant, PLAIN, VARIANT_NAMES } from '../../conformance/driver/variants/names.js';
import { ConfigError } from '../../errors.js';
import { gather, parsePath } from '../parse.js';
import { planMachine, runOptions, type RunFlags } from '../run.js';
import { reportOptions, type ReportFlags } from './report-options.js';

interface DriverFlags extends RunFlags, ReportFlags {
  readonly variant?: readonly string[];
  readonly symbols?: readonly string[];
  readonly list?: true;
  readonly listVariants?: true;
}

const HELP = `
The kernel runs on devices that watch each access and each ring operation of its drivers. A run ends well when the guest
powers off, resets the machine, exits with 0, or prints what --exit-on waits for; --timeout ends one that does not end.
The guest's serial port goes nowhere unless --serial says where.

Variants are devices that behave in other ways that the specification allows, or that lie; each is a run of its own
(--list-variants says what each does):
${VARIANT_NAMES.join(', ').replace(/(.{1,110})(?:, |$)/g, '  $1\n')}
Exit status: 0 when all clauses passed or are in the baseline, 1 when one failed or a run did not end well, 2 for bad input.`;

/** @param kernelArguments what follows `--` */
export function driverCommand(kernelArguments: readonly string[]): Command {
  const command = new Command('driver')
    .description('Boot a kernel on devices that check its virtio drivers, clause by clause.')
    .usage('[options of tsvmm run] [options] <kernel> [-- <kernel arguments>]')
    .argument('[kernel]', 'ELF, Linux bzImage or multiboot kernel', parsePath);
  for (const option of runOptions()) command.addOption(option);
  command.addOption(
    new Option(
      '--variant <name>',
      'run with this variant of the devices too; all for each; repeatable',
    ).argParser(gather),
  );
  command.addOption(
    new Option('--symbols <file>', 'symbols of the kernel, or of a module of it; repeatable').argParser(
      gather,
    ),
  );
  command.addOption(new Option('--list', 'show the clauses instead of running anything'));
  command.addOption(new Option('--list-variants', 'show what each variant is, instead of running anything'));
  for (const option of reportOptions()) command.addOption(option);
  return command
    .addHelpText('after', HELP)
    .action((kernel: string | undefined, flags: DriverFlags) => check(kernel, kernelArguments, flags));
}

async function check(
  kernel: string | undefined,
  kernelArguments: readonly string[],
  flags: DriverFlags,
): Promise<void> {
  if (flags.list) {
    const { listClauses } = await import('./list.js');
    await listClauses(['driver']);
    return;
  }
  if (flags.listVariants) {
    const { listVariants } = await import('./list.js');
    await listVariants();
    return;
  }
  if (kernel === undefined) throw new ConfigError('name the kernel whose drivers are to be checked');
  const variants = chosenVariants(flags.variant ?? []);
  const plan = planMachine(kernel, kernelArguments, { ...flags, serial: flags.serial ?? ['none'] });
  const { checkDrivers } = await import('./check-drivers.js');
  await checkDrivers({ kernel, plan, variants, flags, symbols: flags.symbols ?? [] });
}

/** The plain run first. @throws ConfigError for a name that no variant has */
function chosenVariants(wanted: readonly string[]): readonly string[] {
  const unknown = wanted.find(name => name !== 'all' && name !== PLAIN && !isVariant(name));
  if (unknown !== undefined) {
    throw new ConfigError(
      `there is no variant '${unknown}': tsvmm conformance driver --list-variants shows them`,
      {
        unknown,
      },
    );
  }
  const chosen = wanted.includes('all') ? VARIANT_NAMES : wanted;
  return [...new Set([PLAIN, ...chosen])];
}
