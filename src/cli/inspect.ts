import { Command } from 'commander';
import { nodeHost } from '../host/node-host.js';
import { formatDescription, inspectImage } from '../vmm/boot/inspect.js';

export function inspectCommand(): Command {
  return new Command('inspect')
    .description('Say what a kernel file is and how it would be booted.')
    .argument('<kernel>', 'the file')
    .option('--json', 'print everything as JSON')
    .action(async (kernel: string, flags: { readonly json?: true }) => {
      const description = inspectImage(await nodeHost.readFile(kernel, 'kernel'));
      const text = flags.json ? JSON.stringify(description, bigintAsHex, 2) : formatDescription(description);
      process.stdout.write(`${text.trimEnd()}\n`);
    });
}

function bigintAsHex(_key: string, value: unknown): unknown {
  return typeof value === 'bigint' ? `0x${value.toString(16)}` : value;
}
