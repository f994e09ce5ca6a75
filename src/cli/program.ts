import { Command } from 'commander';
import { acpiCommand } from './acpi.js';
import { conformanceCommand } from './conformance.js';
import { DeviceHelp } from './devices/parse-device.js';
import { doctorCommand } from './doctor.js';
import { inspectCommand } from './inspect.js';
import { writeStdout } from './output.js';
import { reportCommand } from './report.js';
import { reportError, UsageError } from './report-error.js';
import { profileCommand, runCommand } from './run.js';
import { version } from './version.js';

/**
 * Does what a command line says and sets the process's exit status. Never rejects: what goes wrong is told on stderr.
 * @param args the arguments behind the program's name
 */
export async function runProgram(args: readonly string[]): Promise<void> {
  const { own, kernelArguments } = splitKernelArguments(args);
  const help: string[] = [];
  const program = buildProgram(kernelArguments, text => help.push(text));
  try {
    await endWithErrors(program).parseAsync(own, { from: 'user' });
  } catch (error) {
    if (error instanceof DeviceHelp) help.push(error.text);
    process.exitCode = reportError(await outputHelp(help, error));
  }
}

function buildProgram(kernelArguments: readonly string[], writeOut: (text: string) => void): Command {
  const program = new Command('tsvmm')
    .description('Boot, profile, test and debug unikernels, drivers and small kernels.')
    .version(version())
    .configureOutput({
      writeOut,
      // An error becomes one line in reportError.
      outputError: () => undefined,
    })
    // Commander's own takes an unknown command for no command.
    .helpCommand(false);
  const commands = [
    runCommand(kernelArguments),
    profileCommand(kernelArguments),
    inspectCommand(),
    reportCommand(),
    acpiCommand(),
    conformanceCommand(kernelArguments),
    doctorCommand(),
    helpCommand(program),
  ];
  for (const command of commands) {
    program.addCommand(command.copyInheritedSettings(program));
    for (const subcommand of command.commands) subcommand.copyInheritedSettings(command);
  }
  return program;
}

function helpCommand(program: Command): Command {
  return new Command('help')
    .description('Display help for a command.')
    .argument('[command]')
    .action((name: string | undefined) => {
      const command = name === undefined ? program : program.commands.find(known => known.name() === name);
      if (!command) throw new UsageError(`unknown command '${name}'`, program.name());
      command.help();
    });
}

/** `tsvmm run kernel -- these are the kernel's`: commander would not tell them from further kernels. */
function splitKernelArguments(args: readonly string[]): {
  readonly own: readonly string[];
  readonly kernelArguments: readonly string[];
} {
  const boots = ['run', 'profile', 'conformance'].includes(args[0]);
  const separator = boots ? args.indexOf('--') : -1;
  const own = separator < 0 ? args : args.slice(0, separator);
  return {
    // Its filter is optional: without the = what follows is not it, but the kernel.
    own: own.map(arg => (arg === '--trace-exits' ? '--trace-exits=' : arg)),
    kernelArguments: separator < 0 ? [] : args.slice(separator + 1),
  };
}

/** Errors in the use of any command are thrown, with the command whose help explains it. */
function endWithErrors(program: Command): Command {
  const override = (command: Command, path: string): void => {
    command.exitOverride(error => {
      // Help and version end here too.
      if (error.exitCode === 0 || error.code === 'commander.help') throw error;
      throw new UsageError(error.message, path);
    });
    for (const subcommand of command.commands) override(subcommand, `${path} ${subcommand.name()}`);
  };
  override(program, program.name());
  return program;
}

/** Help goes to standard output whole. @returns `error`, or the one that writing met */
async function outputHelp(help: readonly string[], error: unknown): Promise<unknown> {
  try {
    if (help.length > 0) await writeStdout(help.join(''));
    return error;
  } catch (outputError) {
    return outputError;
  }
}
