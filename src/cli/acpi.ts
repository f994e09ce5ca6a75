import { Command } from 'commander';
import { parsePath } from './parse.js';
import { planMachine, runOptions, type RunFlags } from './run.js';

const HELP = `
The tables are those of the machine that tsvmm run would make of the same options; options that are not about the
machine do nothing. Each table is a file named after its signature, as acpidump names them: dsdt.dat, facp.dat, …
iasl -d reads them.`;

export function acpiCommand(): Command {
  const command = new Command('acpi')
    .description('Write the ACPI tables of a machine to a folder.')
    .usage('[options of tsvmm run] <folder>')
    .argument('<folder>', 'where they go; made if it is not there', parsePath);
  for (const option of runOptions()) command.addOption(option);
  return command.addHelpText('after', HELP).action(writeTables);
}

/** @throws ConfigError when a file cannot be written, or the machine has no tables */
async function writeTables(folder: string, flags: RunFlags): Promise<void> {
  const [{ ConfigError }, { acpiTables }, files, path] = await Promise.all([
    import('../errors.js'),
    import('../vmm/machine/firmware-tables.js'),
    import('node:fs/promises'),
    import('node:path'),
  ]);
  const tables = acpiTables(planMachine('', [], flags).options);
  try {
    await files.mkdir(folder, { recursive: true });
    for (const { signature, bytes } of tables) {
      await files.writeFile(path.join(folder, `${signature.toLowerCase()}.dat`), bytes);
    }
  } catch (cause) {
    throw new ConfigError(`the tables cannot be written: ${(cause as Error).message}`, { folder }, { cause });
  }
}
