#!/usr/bin/env node
// Usage: node scripts/count-tests.js REPORT…
//
// Adds up vitest's JSON reports and prints "N passed, N failed", with ", N skipped" where there are any. Exits with
// status 1 when something failed or nothing ran, and with 2, printing no numbers, when a report cannot be read.
import { readFileSync } from 'node:fs';
import { countTests, formatCounts } from './test-counts.js';

try {
  const reports = process.argv.slice(2).map(path => JSON.parse(readFileSync(path, 'utf8')));
  const counts = countTests(reports);
  process.stdout.write(`${formatCounts(counts)}\n`);
  process.exitCode = counts.failed > 0 || counts.passed === 0 ? 1 : 0;
} catch (error) {
  process.stderr.write(`count-tests: ${error instanceof Error ? error.message : error}\n`);
  process.exitCode = 2;
}
