#!/usr/bin/env node
// Joins the script of the report's page into one text and wraps it and the style sheet into a module, so that they load
// the same way everywhere: from the sources in tests, from dist, in a browser.
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { rolldown } from 'rolldown';

const profile = fileURLToPath(new URL('../src/profile/', import.meta.url));

const bundle = await rolldown({ input: join(profile, 'page/main.ts'), platform: 'browser' });
const { output } = await bundle.generate({ format: 'iife', minify: true });
const style = readFileSync(join(profile, 'page/style.css'), 'utf8');
writeFileSync(
  join(profile, 'report/page-assets.ts'),
  `/** The page's script and style sheet, made by scripts/build-page.js. */
export const PAGE_SCRIPT = ${JSON.stringify(output[0].code.replaceAll('</script', String.raw`<\/script`))};
export const PAGE_STYLE = ${JSON.stringify(style)};
`,
);
