import { defineConfig } from 'vitest/config';
import { docsAsTests } from './test/docs-plugin.js';

/** The compiled modules one by one instead of the bundle, as node itself loads them: coverage is of those. */
const unbundled = process.env['TSVMM_UNBUNDLED'] !== undefined;

export default defineConfig({
  resolve: unbundled ? { alias: { tsvmm: new URL('./dist/index.js', import.meta.url).pathname } } : {},
  plugins: [docsAsTests()],
  test: {
    include: ['test/**/*.test.ts', 'docs/writing-*.md'],
    testTimeout: 60_000,
    hookTimeout: 120_000,
    ...(unbundled && { server: { deps: { external: [/\/dist\//] } } }),
  },
});
