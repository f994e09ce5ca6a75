import { expect, test } from 'vitest';
import { createMachine } from 'tsvmm';
import { parseFindings } from '../../src/conformance/device/findings.js';

/** Two of the guests of `tsvmm conformance device`: all of them run by that command. */
test.each(['entropy', 'packed-ring'])('the devices keep what %s.elf looks at', async name => {
  await using machine = await createMachine({
    kernel: `guests/build/conformance/${name}.elf`,
    rng: true,
    timeoutMs: 60_000,
  });
  const { reason } = await machine.run();
  const { clauses, complete } = parseFindings(machine.serial.text);
  expect([reason, complete]).toEqual(['exit', true]);
  expect([...clauses.values()].filter(({ failures }) => failures.length > 0)).toEqual([]);
  expect(clauses.size).toBeGreaterThan(0);
});
