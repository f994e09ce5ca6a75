#!/usr/bin/env node
import { surviveLostTerminals } from './lost-terminal.js';
import { runProgram } from './program.js';
import { reportError } from './report-error.js';

surviveLostTerminals();

// Whoever writes to standard output hears of its errors by the callback; of standard error's there is nobody to tell.
const heardElsewhere = (): void => undefined;
process.stdout.on('error', heardElsewhere);
process.stderr.on('error', heardElsewhere);

// An error in an event handler: the listeners of `exit` give back the terminal and remove sockets.
process.on('uncaughtException', error => process.exit(reportError(error)));

await runProgram(process.argv.slice(2));
