import { defineConfig } from 'vitest/config';

/** How the guest tests run inside the machine: on a software CPU, some thirty times slower than outside. */
export default defineConfig({
  root: '/tsvmm',
  cacheDir: '/tmp/vite',
  test: {
    include: ['test/guests/**/*.test.ts'],
    // One after the other in one thread each: a test starts threads of its own, and there are two processors.
    fileParallelism: false,
    pool: 'threads',
    testTimeout: 300_000,
    hookTimeout: 300_000,
  },
});
