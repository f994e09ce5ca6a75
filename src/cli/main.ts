#!/usr/bin/env node
import { dismissMachineThread, warmUpMachineThread } from '../host/machine-worker-thread.js';
import { headStart } from './head-start.js';
import { surviveLostTerminals } from './lost-terminal.js';

// Without `await` at the top: the bundle is CommonJS.
void main(process.argv.slice(2));

async function main(args: readonly string[]): Promise<void> {
  surviveLostTerminals();
  // The machine's thread loads its code while this one loads its own.
  const purpose = headStart(args);
  if (purpose) warmUpMachineThread(purpose);
  const { runProgram } = await import('./program.js');
  const { reportError } = await import('./report-error.js');

  // Whoever writes to standard output hears of its errors by the callback; of standard error's there is nobody to tell.
  const heardElsewhere = (): void => undefined;
  process.stdout.on('error', heardElsewhere);
  process.stderr.on('error', heardElsewhere);

  // An error in an event handler: the listeners of `exit` give back the terminal and remove sockets.
  process.on('uncaughtException', error => process.exit(reportError(error)));

  await runProgram(args);
  await dismissMachineThread();
}
