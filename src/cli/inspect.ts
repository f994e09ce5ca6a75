import { Command } from 'commander';
import { writeStdout } from './output.js';
import { parsePath } from './parse.js';

export function inspectCommand(): Command {
  return new Command('inspect')
    .description('Say what a kernel file is and how it would be booted.')
    .argument('<kernel>', 'the file', parsePath)
    .option('--json', 'print everything as JSON')
    .action(inspect);
}

async function inspect(kernel: string, flags: { readonly json?: true }): Promise<void> {
  const [{ readWholeFile }, { formatDescription, inspectImage }] = await Promise.all([
    import('../host/read-file.js'),
    import('../vmm/boot/inspect.js'),
  ]);
  const description = inspectImage(await readWholeFile(kernel, 'kernel'));
  const text = flags.json ? JSON.stringify(description, bigintAsHex, 2) : formatDescription(description);
  await writeStdout(`${text.trimEnd()}\n`);
}

/** JSON has no 64-bit integers. */
function bigintAsHex(_key: string, value: unknown): unknown {
  return typeof value === 'bigint' ? `0x${value.toString(16)}` : value;
}
