import { Command } from 'commander';
import type { Party } from '../conformance/clauses/clause.js';
import { deviceCommand } from './conformance/device.js';
import { driverCommand } from './conformance/driver.js';

/** @param kernelArguments what follows `--` */
export function conformanceCommand(kernelArguments: readonly string[]): Command {
  return new Command('conformance')
    .description(
      'Check a driver, or the devices themselves, against the virtio specification, clause by clause.',
    )
    .summary('Check drivers or devices against the virtio specification.')
    .addCommand(driverCommand(kernelArguments))
    .addCommand(deviceCommand())
    .addCommand(listCommand());
}

function listCommand(): Command {
  return new Command('list')
    .description('Show the catalogue: what the specification asks for, and how it is checked.')
    .option('--driver', 'of drivers alone')
    .option('--device', 'of devices alone')
    .action(list);
}

async function list(flags: Partial<Readonly<Record<Party, true>>>): Promise<void> {
  const { listClauses } = await import('./conformance/list.js');
  const either = !flags.driver && !flags.device;
  await listClauses((['driver', 'device'] as const).filter(party => either || flags[party]));
}
