import { ConfigError } from '../../errors.js';
import type { Machine } from '../../vmm/machine/machine.js';
import { connectFile } from '../serial/file.js';
import type { SerialSpec } from '../serial/spec.js';

/** @throws ConfigError for places from which a conformance run cannot be talked to */
export function checkGuestOutput(specs: readonly SerialSpec[]): void {
  const other = specs.find(({ kind }) => !['none', 'stdio', 'file'].includes(kind));
  if (other)
    throw new ConfigError(`a conformance run has its ports at none, stdio or file:PATH, not ${other.kind}`);
}

/**
 * Shows what the guest prints, on stderr for `stdio`: standard output is the report's.
 * @returns what ends that
 */
export async function showGuestOutput(machine: Machine, specs: readonly SerialSpec[]): Promise<() => void> {
  const ends: (() => void)[] = [];
  for (const [i, spec] of specs.entries()) {
    const port = machine.serialPorts[i];
    if (spec.kind === 'stdio') ends.push(port.onData(data => void process.stderr.write(data)));
    if (spec.kind !== 'file') continue;
    const backend = await connectFile(port, spec.path);
    ends.push(() => backend.close());
  }
  return () => {
    for (const end of ends) end();
  };
}
