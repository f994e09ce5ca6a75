import { defineConfig } from 'vitest/config';
import { TEST_TIMEOUT_SECONDS, TRIES } from './test-limits.js';

/** How the guest tests run inside the machine: on a software CPU, some thirty times slower than outside. */
export default defineConfig({
  root: '/tsvmm',
  cacheDir: '/tmp/vite',
  test: {
    include: ['test/guests/**/*.test.ts'],
    // These are about the software CPU alone.
    exclude: ['icount', 'kvm-unit-tests', 'linux-programs'].map(name => `test/guests/${name}.test.ts`),
    retry: TRIES - 1,
    // One after the other: a test starts threads of its own, and there are two processors.
    fileParallelism: false,
    // Without the summary that redraws itself: the serial console goes through as lines.
    reporters: [
      ['verbose', { summary: false }],
      ['json', { outputFile: '/results/report.json' }],
    ],
    testTimeout: TEST_TIMEOUT_SECONDS * 1000,
    hookTimeout: TEST_TIMEOUT_SECONDS * 1000,
  },
});
