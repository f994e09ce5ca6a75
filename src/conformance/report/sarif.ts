import type { Clause } from '../clauses/clause.js';
import type { ClauseResult, ConformanceReport, Verdict, Violation } from './report.js';
import { isStrict } from './report.js';
import { violationDetails, violationLine } from './violation-text.js';

const SCHEMA = 'https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json';

/** SARIF 2.1.0, 3.27.9. */
const KINDS: Readonly<Record<Verdict, string>> = {
  PASS: 'pass',
  FAIL: 'fail',
  'NOT EXERCISED': 'open',
  'NOT APPLICABLE': 'notApplicable',
};

/** The Static Analysis Results Interchange Format, version 2.1.0: a rule a clause, a result a violation. */
export function sarifLog(report: ConformanceReport): unknown {
  const { results, runs, version } = report;
  return {
    $schema: SCHEMA,
    version: '2.1.0',
    runs: [
      {
        tool: { driver: { name: 'tsvmm', version, rules: results.map(({ clause }) => rule(clause)) } },
        invocations: runs.map(({ name, end, ok }) => ({
          executionSuccessful: ok,
          exitCodeDescription: end,
          properties: { variant: name },
        })),
        artifacts: [{ location: { uri: uri(report.subject) } }],
        results: results.flatMap((result, ruleIndex) => entries(report, result, ruleIndex)),
      },
    ],
  };
}

function rule(clause: Clause) {
  return {
    id: clause.id,
    shortDescription: { text: clause.text },
    defaultConfiguration: { level: isStrict(clause) ? 'error' : 'warning' },
    properties: { section: clause.section, level: clause.level },
  };
}

function entries({ subject }: ConformanceReport, result: ClauseResult, ruleIndex: number): unknown[] {
  const { clause, verdict, why, known, violations } = result;
  const common = { ruleId: clause.id, ruleIndex, kind: KINDS[verdict] };
  if (verdict !== 'FAIL')
    return [{ ...common, level: 'none', message: { text: why ?? verdict.toLowerCase() } }];
  return violations.map(violation => ({
    ...common,
    level: isStrict(clause) ? 'error' : 'warning',
    message: { text: [violationLine(violation), ...violationDetails(violation)].join('\n') },
    locations: [location(subject, violation)],
    occurrenceCount: violation.count,
    baselineState: known ? 'unchanged' : 'new',
    ...(known && { suppressions: [{ kind: 'external', justification: 'known by the baseline' }] }),
  }));
}

function location(subject: string, { place, device }: Violation) {
  return {
    physicalLocation: {
      artifactLocation: { uri: uri(subject), index: 0 },
      // By name: addresses of kernels are beyond what a number holds.
      ...(place && { address: { name: place.rip } }),
    },
    logicalLocations: [
      place?.symbol === undefined
        ? { name: device, kind: 'resource' }
        : { fullyQualifiedName: place.symbol, kind: 'function' },
    ],
  };
}

function uri(path: string): string {
  return path.split('/').map(encodeURIComponent).join('/');
}
