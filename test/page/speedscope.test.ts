import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { chromium } from 'playwright-core';
import { expect, onTestFinished, test } from 'vitest';
import { speedscopeFile } from '../../src/profile/report/speedscope.js';
import { exampleProfile } from '../unit/profile/report/example.js';
import { CHROMIUM, CHROMIUM_ARGUMENTS } from './chromium.js';

test.skipIf(!existsSync(CHROMIUM))('speedscope itself opens the file (Debian: chromium)', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'tsvmm-speedscope-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  // As its own command hands a file over.
  const text = Buffer.from(JSON.stringify(speedscopeFile(exampleProfile()))).toString('base64');
  const script = join(folder, 'run.js');
  writeFileSync(script, `speedscope.loadFileFromBase64('run.json', '${text}')`);
  const index = createRequire(import.meta.url).resolve('speedscope/dist/release/index.html');

  const browser = await chromium.launch({ executablePath: CHROMIUM, args: CHROMIUM_ARGUMENTS });
  onTestFinished(() => browser.close());
  const page = await browser.newPage();
  const errors: string[] = [];
  page.on('pageerror', error => errors.push(error.message));
  await page.goto(`${pathToFileURL(index).href}#localProfilePath=${script}`);
  await page.waitForFunction(`document.title.endsWith('- speedscope')`);
  expect([await page.title(), errors]).toEqual(['/somewhere/<b>kernel.elf - speedscope', []]);
});
