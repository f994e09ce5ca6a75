import { createInterface } from 'node:readline';
import { writeStdout } from '../output.js';
import type { MonitorBackend, MonitorOptions } from './connect.js';
import { converse, PROMPT } from './converse.js';

/** A monitor on the terminal or the pipes that tsvmm was started with. */
export function connectStdioMonitor({ newMonitor, quit, fail }: MonitorOptions): MonitorBackend {
  const { stdin, stdout } = process;
  const monitor = newMonitor();
  const terminal = stdin.isTTY && stdout.isTTY;
  const lines = createInterface({
    input: stdin,
    output: stdout,
    terminal,
    prompt: PROMPT,
    completer: (line: string) => [monitor.complete(line), line.split(/\s+/).at(-1)!],
  });
  lines.on('SIGINT', quit);
  let closed = false;
  const done = (): void => {
    // Who has the terminal and ends the input wants to leave; a pipe has said all that it had to say.
    if (terminal && !closed) quit();
  };
  converse(lines, monitor, writeStdout).then(done, (error: Error) => {
    if (!closed) fail(error);
  });
  return {
    where: 'stdio',
    close: () => {
      closed = true;
      lines.close();
      stdin.pause();
      if ('unref' in stdin) stdin.unref();
    },
  };
}
