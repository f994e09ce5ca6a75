import { readFileSync } from 'node:fs';
import ts from 'typescript';
import type { Plugin } from 'vitest/config';

const BLOCK = /^```ts\n(.*?)^```$/gms;

/**
 * Makes the TypeScript in a Markdown page executable: each block fenced with `ts` is a module of its own, and the page
 * imports them in their order. What the documentation shows is what the tests run.
 */
export function docsAsTests(): Plugin {
  return {
    name: 'docs-as-tests',
    enforce: 'pre',
    load(id) {
      const [path, query] = id.split('?');
      if (!path.endsWith('.md')) return undefined;
      const blocks = [...readFileSync(path, 'utf8').matchAll(BLOCK)].map(([, code]) => code);
      const block = /^block=(\d+)$/.exec(query ?? '');
      if (block) return transpile(blocks[Number(block[1])]);
      return blocks.map((_, index) => `import ${JSON.stringify(`${path}?block=${index}`)};`).join('\n');
    },
  };
}

function transpile(code: string): string {
  const { ESNext } = ts.ModuleKind;
  return ts.transpileModule(code, { compilerOptions: { module: ESNext, target: ts.ScriptTarget.ES2022 } })
    .outputText;
}
