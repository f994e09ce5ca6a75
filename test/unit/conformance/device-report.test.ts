import { describe, expect, test } from 'vitest';
import { readdirSync, readFileSync } from 'node:fs';
import { DEVICE_CLAUSES, deviceReport } from '../../../src/conformance/device/device-report.js';
import { differences, differencesText } from '../../../src/conformance/device/differences.js';
import { parseFindings } from '../../../src/conformance/device/findings.js';
import { PROGRAMS } from '../../../src/conformance/device/programs.js';

const STATUS = 'virtio/2.4.1/status-0';
const QUIET = 'virtio/2.4.1/quiet';
const GUESTS = 'guests/conformance';

const about = { subject: 'tsvmm', version: '1' };

function reportOf(text: string) {
  const findings = parseFindings(text);
  return deviceReport(about, [{ run: { name: 'basic', end: 'exit', ok: findings.complete }, findings }]);
}

function resultOf(report: ReturnType<typeof reportOf>, id: string) {
  return report.results.find(({ clause }) => clause.id === id)!;
}

describe('what a guest has found', () => {
  test('is a line a check, between lines that are nobody’s', () => {
    const text = `SeaBIOS\r\nok ${STATUS}\nnot ok ${STATUS} 0x3\nskip ${QUIET} no device\nend 3\n`;
    const { clauses, complete } = parseFindings(text);
    expect(complete).toBe(true);
    expect(clauses.get(STATUS)).toEqual({ id: STATUS, checks: 2, failures: ['0x3'] });
    expect(clauses.get(QUIET)).toEqual({ id: QUIET, checks: 0, failures: [], skipped: 'no device' });
  });

  test('is not complete without its end, nor when lines are missing', () => {
    expect(parseFindings(`ok ${STATUS}\n`).complete).toBe(false);
    expect(parseFindings(`ok ${STATUS}\nend 2\n`).complete).toBe(false);
  });
});

describe('the report on devices', () => {
  test('has a clause fail that failed once', () => {
    const result = resultOf(reportOf(`ok ${STATUS}\nnot ok ${STATUS} 0x3\nend 2\n`), STATUS);
    expect(result).toMatchObject({ verdict: 'FAIL', checks: 2 });
    expect(result.violations).toMatchObject([{ what: 'there was 0x3', count: 1, run: 'basic' }]);
  });

  test('tells what was skipped, what nothing shows, and what nobody looked at', () => {
    const report = reportOf(`skip ${QUIET} no device\nend 1\n`);
    expect(resultOf(report, QUIET)).toMatchObject({ verdict: 'NOT APPLICABLE', why: 'no device' });
    expect(resultOf(report, 'virtio/2.7.8.1/len-first').why).toMatch(/^not observable: /);
    expect(resultOf(report, STATUS).verdict).toBe('NOT EXERCISED');
  });

  test('shows beside another where both differ', () => {
    const found = differences(
      reportOf(`ok ${STATUS}\nok ${QUIET}\nend 2\n`),
      reportOf(`not ok ${STATUS} 0x3\nok ${QUIET}\nend 2\n`),
    );
    expect(found).toMatchObject([{ id: STATUS, left: 'PASS', right: 'FAIL (there was 0x3)' }]);
    expect(differencesText(found, 'tsvmm', 'QEMU')).toMatch(/tsvmm {2}PASS\n {2}QEMU {3}FAIL/);
  });
});

describe('the guests of device conformance', () => {
  const sources = readdirSync(GUESTS).filter(name => name.endsWith('.c'));

  test('are all of them run', () => {
    expect(sources.map(name => name.replace('.c', '')).sort()).toEqual(
      [...new Set(PROGRAMS.map(({ name, file = name }) => file))].sort(),
    );
  });

  test('name clauses that the catalogue has', () => {
    const known = new Set(DEVICE_CLAUSES.map(({ id }) => id));
    const named = sources.flatMap(name =>
      [
        ...readFileSync(`${GUESTS}/${name}`, 'utf8').matchAll(
          /"((?:virtio|16550|hpet|ioapic|lapic|acpi)\/[^"]+)"/g,
        ),
      ].map(([, id]) => id),
    );
    expect(named.length).toBeGreaterThan(200);
    expect(named.filter(id => !known.has(id))).toEqual([]);
  });
});
