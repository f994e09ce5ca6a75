import { defineConfig } from 'vitest/config';
import { docsAsTests } from './test/docs-plugin.js';

export default defineConfig({
  plugins: [docsAsTests()],
  test: {
    include: ['test/**/*.test.ts', 'docs/writing-*.md'],
    testTimeout: 60_000,
    hookTimeout: 120_000,
  },
});
