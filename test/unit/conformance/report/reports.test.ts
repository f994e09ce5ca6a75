import { describe, expect, test } from 'vitest';
import { observed, type Clause } from '../../../../src/conformance/clauses/clause.js';
import {
  baselineText,
  outdated,
  parseBaseline,
  withBaseline,
} from '../../../../src/conformance/report/baseline.js';
import { jsonReport } from '../../../../src/conformance/report/json.js';
import { junitXml } from '../../../../src/conformance/report/junit.js';
import {
  summaryLine,
  type ConformanceReport,
  type Verdict,
} from '../../../../src/conformance/report/report.js';
import { sarifLog } from '../../../../src/conformance/report/sarif.js';
import { tableText } from '../../../../src/conformance/report/table.js';
import { tapText } from '../../../../src/conformance/report/tap.js';

function clause(key: string, level: Clause['level'] = 'MUST'): Clause {
  return {
    id: `virtio/2.7.1/${key}`,
    section: '2.7.1',
    party: 'driver',
    level,
    text: `keeps "${key}" & <all>`,
    means: observed,
  };
}

function result(key: string, verdict: Verdict, rest: Partial<ConformanceReport['results'][number]> = {}) {
  return { clause: clause(key), verdict, checks: 0, violations: [], ...rest };
}

const report: ConformanceReport = {
  party: 'driver',
  subject: 'some kernel.elf',
  version: '1.2.3',
  runs: [
    { name: 'plain', end: 'poweroff', ok: true },
    { name: 'stalls', end: 'timeout', ok: false },
  ],
  results: [
    result('kept', 'PASS', { checks: 7 }),
    result('broken', 'FAIL', {
      checks: 3,
      violations: [
        {
          device: 'virtio-blk0',
          queue: 1,
          what: 'the ring lies at 0x1001',
          count: 2,
          run: 'stalls',
          place: { vcpu: 0, rip: '0x101234', symbol: 'setup_vq+0x12' },
          bytes: [{ what: 'descriptor 0', address: '0x2000', bytes: '00 ff' }],
          history: ['3.000 ms queue_enable = 1'],
        },
      ],
    }),
    result('unseen', 'NOT EXERCISED', { why: 'needs the variant stalls' }),
    result('absent', 'NOT APPLICABLE'),
  ],
  watched: [
    { name: 'virtio-blk0', driven: true },
    { name: 'hpet', driven: false },
  ],
};

describe('a conformance report', () => {
  test('in one line', () => {
    expect(summaryLine(report)).toBe(
      'driver conformance: 1/2 clauses passed, 1 failed, 1 not exercised, 1 not applicable, 1 of 2 runs did not end well',
    );
  });

  test('as a table: failures first, with all that is known of them', () => {
    expect(tableText(report)).toMatchInlineSnapshot(`
      "FAIL            virtio/2.7.1/broken  MUST        keeps "broken" & <all> (2 of 3×)
        virtio-blk0 queue 1: the ring lies at 0x1001, at setup_vq+0x12, 2 times (stalls)
          vCPU 0, RIP 0x101234 setup_vq+0x12
          descriptor 0 at 0x2000: 00 ff
          before:
            3.000 ms queue_enable = 1
      PASS            virtio/2.7.1/kept    MUST        keeps "kept" & <all> (7×)

      run plain: ok, poweroff
      run stalls: NOT OK, timeout
      driven: virtio-blk0
      without a driver: hpet
      driver conformance: 1/2 clauses passed, 1 failed, 1 not exercised, 1 not applicable, 1 of 2 runs did not end well
      "
    `);
    expect(tableText(report)).not.toContain('virtio/2.7.1/unseen');
    expect(tableText(report, true)).toContain('virtio/2.7.1/unseen');
  });

  test('as TAP', () => {
    expect(tapText(report)).toMatchInlineSnapshot(`
      "TAP version 14
      1..6
      ok 1 - virtio/2.7.1/kept keeps "kept" & <all>
      not ok 2 - virtio/2.7.1/broken keeps "broken" & <all>
        ---
        section: "2.7.1"
        level: "MUST"
        violations:
          - "virtio-blk0 queue 1: the ring lies at 0x1001, at setup_vq+0x12, 2 times (stalls)"
          - "vCPU 0, RIP 0x101234 setup_vq+0x12"
          - "descriptor 0 at 0x2000: 00 ff"
          - "before:"
          - "  3.000 ms queue_enable = 1"
        ...
      ok 3 - virtio/2.7.1/unseen keeps "unseen" & <all> # SKIP not exercised: needs the variant stalls
      ok 4 - virtio/2.7.1/absent keeps "absent" & <all> # SKIP not applicable
      ok 5 - the run plain ends well
      not ok 6 - the run stalls ends well
        ---
        end: "timeout"
        ...
      # driven: virtio-blk0
      # without a driver: hpet
      # driver conformance: 1/2 clauses passed, 1 failed, 1 not exercised, 1 not applicable, 1 of 2 runs did not end well
      "
    `);
  });

  test('as JUnit’s XML', () => {
    expect(junitXml(report)).toMatchInlineSnapshot(`
      "<?xml version="1.0" encoding="UTF-8"?>
      <testsuites tests="6" failures="2" errors="0" skipped="2">
        <testsuite name="driver conformance of some kernel.elf" tests="6" failures="2" errors="0" skipped="2">
          <testcase classname="virtio.2.7.1" name="virtio/2.7.1/kept"/>
          <testcase classname="virtio.2.7.1" name="virtio/2.7.1/broken">
            <failure type="MUST" message="keeps &quot;broken&quot; &amp; &lt;all&gt;">virtio-blk0 queue 1: the ring lies at 0x1001, at setup_vq+0x12, 2 times (stalls)
      vCPU 0, RIP 0x101234 setup_vq+0x12
      descriptor 0 at 0x2000: 00 ff
      before:
        3.000 ms queue_enable = 1</failure>
          </testcase>
          <testcase classname="virtio.2.7.1" name="virtio/2.7.1/unseen">
            <skipped message="not exercised: needs the variant stalls"/>
          </testcase>
          <testcase classname="virtio.2.7.1" name="virtio/2.7.1/absent">
            <skipped message="not applicable"/>
          </testcase>
          <testcase classname="run" name="plain"/>
          <testcase classname="run" name="stalls">
            <failure message="timeout"/>
          </testcase>
        </testsuite>
      </testsuites>
      "
    `);
  });

  test('as JSON', () => {
    expect(jsonReport(report)).toMatchObject({
      version: '1.2.3',
      summary: { PASS: 1, FAIL: 1, 'NOT EXERCISED': 1, 'NOT APPLICABLE': 1, 'NEW FAILURES': 1 },
      results: [{ id: 'virtio/2.7.1/kept', verdict: 'PASS' }, { violations: [{ queue: 1 }] }, {}, {}],
    });
  });

  test('as SARIF: a rule a clause, a result a violation', () => {
    expect(sarifLog(report)).toMatchObject({
      version: '2.1.0',
      runs: [
        {
          tool: { driver: { name: 'tsvmm', rules: { length: 4 } } },
          invocations: [{ executionSuccessful: true }, { executionSuccessful: false }],
          results: [
            { kind: 'pass', level: 'none' },
            {
              kind: 'fail',
              level: 'error',
              baselineState: 'new',
              locations: [
                {
                  physicalLocation: {
                    artifactLocation: { uri: 'some%20kernel.elf' },
                    address: { name: '0x101234' },
                  },
                  logicalLocations: [{ fullyQualifiedName: 'setup_vq+0x12', kind: 'function' }],
                },
              ],
            },
            { kind: 'open' },
            { kind: 'notApplicable' },
          ],
        },
      ],
    });
  });
});

describe('a baseline', () => {
  const clauses = report.results.map(entry => entry.clause);

  test('of what fails, read again, makes the failures known', () => {
    const text = baselineText(report);
    expect(text).toBe('virtio/2.7.1/broken  # the ring lies at 0x1001\n');
    const known = withBaseline(report, parseBaseline(text, 'known.txt', clauses));
    expect(summaryLine(known)).toContain('1 failed (1 known)');
    expect(tapText(known)).toContain('# TODO known failure');
    expect(junitXml(known)).toContain('<skipped message="known failure"/>');
  });

  test('tells what it can do without', () => {
    const baseline = parseBaseline('# old\nvirtio/2.7.1/kept\nvirtio/2.7.1/absent\n', 'known.txt', clauses);
    expect(outdated(report, baseline)).toEqual(['virtio/2.7.1/kept']);
  });

  test('with an unknown clause is refused', () => {
    expect(() => parseBaseline('virtio/0/none', 'known.txt', clauses)).toThrow(
      "known.txt: there is no clause 'virtio/0/none'",
    );
  });
});
