import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { chromium, type Browser, type Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { htmlPage } from '../../src/profile/report/html.js';
import { exampleProfile } from '../unit/profile/report/example.js';
import { CHROMIUM, CHROMIUM_ARGUMENTS } from './chromium.js';

describe.skipIf(!existsSync(CHROMIUM))('the page of a profile, in Chromium (Debian: chromium)', () => {
  let folder: string;
  let browser: Browser;
  let page: Page;
  /** What the page asked the network for, and what went wrong in it. */
  const requests: string[] = [];
  const errors: string[] = [];

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'tsvmm-page-'));
    writeFileSync(join(folder, 'page.html'), htmlPage(exampleProfile()));
    browser = await chromium.launch({ executablePath: CHROMIUM, args: CHROMIUM_ARGUMENTS });
    page = await browser.newPage({ viewport: { width: 1280, height: 900 } });
    page.on('request', request => requests.push(request.url()));
    page.on('pageerror', error => errors.push(error.message));
    await page.goto(pathToFileURL(join(folder, 'page.html')).href);
  });

  afterAll(async () => {
    await browser?.close();
    rmSync(folder, { recursive: true, force: true });
  });

  const cells = (section: string): Promise<string[][]> =>
    page
      .locator(`#${section} tbody tr`)
      .evaluateAll(rows =>
        rows.map(row =>
          Array.from(
            (row as unknown as { cells: { textContent: string }[] }).cells,
            cell => cell.textContent,
          ),
        ),
      );
  const focused = (): Promise<string> => page.locator(':focus').innerText();

  test('needs nothing but itself, and takes names for text', async () => {
    expect(requests).toHaveLength(1);
    expect(errors).toEqual([]);
    expect(await page.locator('h1').innerText()).toBe('VM exits of <b>kernel.elf');
    expect(await page.locator('#overview code').innerText()).toBe('console=</script>');
  });

  test('has the table, by what is chosen, in the order that is asked for', async () => {
    expect((await cells('exits')).map(([name, count]) => [name, count])).toEqual([
      ['unclaimed memory 0xdead0000', '1'],
      ['com1 LSR', '8'],
      ['com1 THR', '4'],
    ]);
    await page.locator('#exits button[data-column=count]').click();
    expect((await cells('exits'))[0][0]).toBe('com1 LSR');
    expect(await page.locator('#exits th[aria-sort=descending]').innerText()).toContain('count');
    await page.locator('#exits select').selectOption('function');
    expect((await cells('exits')).map(([name]) => name)).toEqual(['driver; write', 'poll', '0x9999']);
    await page.getByRole('searchbox').fill('POL');
    expect((await cells('exits')).map(([name]) => name)).toEqual(['poll']);
  });

  test('has a flame graph that the keyboard goes through', async () => {
    await page.locator('#flame select').selectOption('count');
    await page.locator('#flame .frame').first().focus();
    expect(await focused()).toBe('all');
    await page.keyboard.press('ArrowDown');
    expect(await focused()).toBe('main');
    expect(await page.locator('#flame .readout').innerText()).toBe('main: 9, 69.2 % of all');
    await page.keyboard.press('ArrowRight');
    expect(await focused()).toBe('driver; write');
    await page.keyboard.press('ArrowLeft');
    await page.keyboard.press('Enter');
    expect(await focused()).toBe('main');
    const wide = await page
      .locator('#flame .frame:focus')
      .evaluate(frame => (frame as unknown as { style: { width: string } }).style.width);
    expect(wide).toBe('100%');
    await page.keyboard.press('Escape');
    expect(await focused()).toBe('all');
  });

  test('has a timeline that the keyboard goes along', async () => {
    const slider = page.getByRole('slider');
    await slider.focus();
    await page.keyboard.press('Home');
    expect(await page.locator('#timeline .readout').innerText()).toContain('guest 100.0 %');
    await page.keyboard.press('End');
    expect(await page.locator('#timeline .readout').innerText()).toContain('idle 100.0 %');
  });

  test('has the milestones on the timeline, and how much happened when', async () => {
    // What came before the run has no place on it.
    expect(await page.locator('#timeline .marks').innerText()).toBe('com1 first byte');
    expect(await page.locator('#timeline .strip').allInnerTexts()).toEqual([
      expect.stringMatching(/^exits, \d+ at most$/),
      'interrupts, 1 at most',
      'requests, 1 at most',
    ]);
    expect(await page.locator('#timeline .ticks').innerText()).toMatch(/^0\s.*13\.4 µs$/s);
  });

  test('has the requests of devices', async () => {
    expect(await cells('requests')).toEqual([
      ['virtio-blk0 read', '100', '832 ns', '832 ns', '5 µs', '84.2 µs', '402 KiB'],
      ['virtio-blk0 write zeroes', '1', '100 ns', '100 ns', '100 ns', '100 ns', '33 B'],
      ['virtio-blk0 flush', '1', '88 ns', '88 ns', '90 ns', '90 ns', '17 B'],
    ]);
  });

  test('has the phases of the boot', async () => {
    expect((await cells('boot')).map(([name, , , exits]) => [name, exits])).toEqual([
      ['VMM start', '4'],
      ['com1 first byte', '9'],
    ]);
  });

  test.each(['light', 'dark'] as const)('has colours that can be read, %s', async scheme => {
    await page.emulateMedia({ colorScheme: scheme });
    const [text, ground] = await page.locator('body').evaluate(body => {
      const { getComputedStyle } = globalThis as unknown as {
        getComputedStyle: (of: unknown) => { color: string; backgroundColor: string };
      };
      const style = getComputedStyle(body);
      return [style.color, style.backgroundColor];
    });
    expect(contrast(text, ground)).toBeGreaterThan(7);
  });

  test('fits a phone: nothing but tables and graphs is wider than it, and those scroll', async () => {
    await page.setViewportSize({ width: 360, height: 740 });
    const width = await page
      .locator('html')
      .evaluate(root => (root as unknown as { scrollWidth: number }).scrollWidth);
    expect(width).toBeLessThanOrEqual(360);
  });
});

/** Contrast ratio of two colours `rgb(r, g, b)` (WCAG 2.2, 1.4.3). */
function contrast(one: string, other: string): number {
  const [lighter, darker] = [one, other].map(luminance).sort((a, b) => b - a);
  return (lighter + 0.05) / (darker + 0.05);
}

function luminance(colour: string): number {
  const [red, green, blue] = colour.match(/\d+/g)!.map(value => {
    const channel = Number(value) / 255;
    return channel <= 0.03928 ? channel / 12.92 : ((channel + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
}
