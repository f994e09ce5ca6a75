import { Command } from 'commander';
import type { Party } from '../conformance/clauses/clause.js';
import { writeStdout } from './output.js';

/** @param kernelArguments what follows `--` */
export function conformanceCommand(kernelArguments: readonly string[]): Command {
  void kernelArguments;
  const command = new Command('conformance').description(
    'Check a driver, or the devices themselves, against the virtio specification, clause by clause.',
  );
  return command.addCommand(listCommand());
}

function listCommand(): Command {
  return new Command('list')
    .description('Show the catalogue: what the specification asks for, and how it is checked.')
    .option('--driver', 'of drivers alone')
    .option('--device', 'of devices alone')
    .action(list);
}

async function list(flags: Partial<Readonly<Record<Party, true>>>): Promise<void> {
  const [{ VIRTIO_CLAUSES }, { catalogueText }] = await Promise.all([
    import('../conformance/clauses/virtio/index.js'),
    import('../conformance/report/catalogue-text.js'),
  ]);
  const either = !flags.driver && !flags.device;
  await writeStdout(catalogueText(VIRTIO_CLAUSES.filter(({ party }) => either || flags[party])));
}
