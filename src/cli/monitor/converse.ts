import type { Interface } from 'node:readline';
import type { Monitor } from '../../monitor/monitor.js';

export const PROMPT = '(tsvmm) ';
export const BANNER = "tsvmm monitor: type 'help' for a list of commands\n";

/**
 * Answers each line that comes in, one after the other, until the input ends.
 * @param write resolves when the text has gone out, or never will
 */
export async function converse(
  lines: Interface,
  monitor: Monitor,
  write: (text: string) => Promise<void>,
): Promise<void> {
  await write(BANNER);
  lines.prompt();
  for await (const line of lines) {
    const answer = await monitor.execute(line);
    if (answer !== '') await write(answer);
    lines.prompt();
  }
}
