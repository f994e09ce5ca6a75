/** Behind this, Linux's command line is for the first process. */
const END_OF_PARAMETERS = ' -- ';

/** A command line with further kernel parameters at its end, or before what is not for the kernel. */
export function withParameters(commandLine: string, parameters: readonly string[]): string {
  const end = commandLine.indexOf(END_OF_PARAMETERS);
  const [own, rest] = end < 0 ? [commandLine, ''] : [commandLine.slice(0, end), commandLine.slice(end)];
  return [own, ...parameters].filter(part => part !== '').join(' ') + rest;
}
