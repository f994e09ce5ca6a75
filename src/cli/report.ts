import { Command, InvalidArgumentError, Option } from 'commander';
import { ConfigError } from '../errors.js';
import type { Profile } from '../profile/format.js';
import { damageText } from '../profile/report/damage.js';
import { WEIGHTS, type Weight } from '../profile/report/folded.js';
import { GROUPINGS, ORDERS, type Grouping, type Order } from '../profile/report/rows.js';
import { writeStdout } from './output.js';
import { gather, once, parseChoice, parseCount, parsePath } from './parse.js';
import { tell } from './report-error.js';

/** What a report can be written as; a table without any of them. */
const FORMATS = ['folded', 'pprof', 'speedscope', 'trace', 'json', 'html', 'boot'] as const;
type Format = (typeof FORMATS)[number];

interface ReportFlags extends Partial<Readonly<Record<Format, true>>> {
  readonly by: readonly Grouping[];
  readonly sort: Order;
  readonly top: number;
  readonly histogram?: true;
  readonly counters?: true;
  readonly weight: Weight;
  readonly symbols?: readonly string[];
  readonly diff?: string;
  readonly output?: string;
}

/** Exit status: a recording was cut off or is damaged, and what of it is whole was shown. */
const NOT_WHOLE = 1;

const HELP = `
Recorded by: tsvmm profile kernel.elf, or tsvmm run --profile FILE kernel.elf

  tsvmm report run.tsprof --by device,function        tables
  tsvmm report run.tsprof --html -o exits.html         a page with everything
  tsvmm report run.tsprof --pprof -o exits.pb.gz       go tool pprof -http : exits.pb.gz
  tsvmm report run.tsprof --trace -o exits.json        open in https://ui.perfetto.dev or chrome://tracing
  tsvmm report run.tsprof --folded | flamegraph.pl > exits.svg
  tsvmm report before.tsprof --diff after.tsprof       what appeared, vanished, became slower

Exit status: 0; 1 when a recording was cut off or is damaged, and what of it is whole is shown; 2 when nothing of it can be.`;

export function reportCommand(): Command {
  const command = new Command('report')
    .description('Say what a recorded profile of VM exits contains.')
    .argument('<file>', 'a profile', parsePath)
    .addOption(
      new Option(
        '--by <list>',
        `what rows are grouped by: ${GROUPINGS.join(', ')}; several make several tables`,
      )
        .argParser(once('--by', parseGroupings))
        .default(['register', 'function'], 'register,function'),
    )
    .addOption(
      new Option('--sort <order>', `largest first: ${ORDERS.join(', ')}`)
        .argParser(once('--sort', parseChoice(ORDERS)))
        .default('time'),
    )
    .addOption(
      new Option('--top <n>', 'rows of a table, 0 for all')
        .argParser(once('--top', parseCount(0, 1e6)))
        .default(20),
    )
    .option('--histogram', 'under each table, how long single handlers took')
    .option('--counters', 'what else was counted: interrupts, page faults, TLB misses, what KVM counts')
    .option('--boot', 'milestones, and the exits between them')
    .addOption(
      new Option('--diff <file>', 'what has changed in this profile').argParser(once('--diff', parsePath)),
    )
    .option('--folded', 'folded stacks, for flame graph tools')
    .option('--pprof', 'a file for pprof (profile.proto, compressed)')
    .option('--speedscope', 'a file for speedscope')
    .option('--trace', 'a timeline for Perfetto and chrome://tracing')
    .option('--json', 'everything that the tables have, as JSON')
    .option('--html', 'one page with flame graph, timeline, tables and boot phases')
    .addOption(
      new Option(
        '--symbols <file>',
        'names for functions of which the recording has none, since it was cut off: as tsvmm profile takes them; repeatable',
      ).argParser(gather),
    )
    .addOption(
      new Option('--weight <what>', `with --folded, the number behind each stack: ${WEIGHTS.join(', ')}`)
        .argParser(once('--weight', parseChoice(WEIGHTS)))
        .default('count'),
    )
    .addOption(
      new Option('-o, --output <file>', 'write there instead of standard output').argParser(
        once('--output', parsePath),
      ),
    )
    .addHelpText('after', HELP)
    .action(report);
  return command;
}

async function report(file: string, flags: ReportFlags): Promise<void> {
  const formats = FORMATS.filter(format => flags[format]);
  if (formats.length > 1)
    throw new ConfigError(`--${formats[0]} and --${formats[1]} are two reports: ask for one at a time`);
  const [format] = formats;
  if (flags.diff !== undefined && format !== undefined && format !== 'json')
    throw new ConfigError(`--diff makes a table, not --${format}`);
  if (format === 'pprof' && flags.output === undefined && process.stdout.isTTY)
    throw new ConfigError('--pprof is not text: add -o FILE');
  const profile = await load(file, flags);
  const other = flags.diff === undefined ? undefined : await load(flags.diff, flags);
  await deliver(await (other ? compare(profile, other, flags) : write(profile, format, flags)), flags.output);
  warnOfDamage(file, profile);
  if (other) warnOfDamage(flags.diff!, other);
}

/** That it is not the whole recording is told behind what there is of it, and by the exit status. */
function warnOfDamage(path: string, { damage }: Profile): void {
  if (!damage) return;
  tell(`${path} ${damageText(damage)}`);
  process.exitCode = NOT_WHOLE;
}

async function load(path: string, { symbols }: ReportFlags): Promise<Profile> {
  const [{ readWholeFile }, { readProfile }] = await Promise.all([
    import('../host/read-file.js'),
    import('../profile/profile-reader.js'),
  ]);
  const profile = readProfile(await readWholeFile(path, 'profile'));
  return symbols ? withSymbols(profile, symbols) : profile;
}

/** What the recording itself says counts: it knows where the guest had everything. */
async function withSymbols(profile: Profile, paths: readonly string[]): Promise<Profile> {
  const [{ loadDemangler }, { openSymbolFile }, { addressesOf, Symbolizer }] = await Promise.all([
    import('../host/demangle.js'),
    import('../host/symbol-files.js'),
    import('../profile/symbols/symbolizer.js'),
  ]);
  const files = await Promise.all(paths.map(openSymbolFile));
  const images = files.map(file => ({ file, bias: 0n }));
  const table = new Symbolizer(images, await loadDemangler()).table(
    addressesOf(profile.points, profile.stacks),
  );
  return { ...profile, symbols: new Map([...table.symbols, ...profile.symbols]) };
}

type Output = Iterable<string | Uint8Array>;

async function write(profile: Profile, format: Format | undefined, flags: ReportFlags): Promise<Output> {
  switch (format) {
    case 'folded':
      return [(await import('../profile/report/folded.js')).foldedStacks(profile, flags.weight)];
    case 'pprof': {
      const [{ gzipSync }, { pprofBytes }] = await Promise.all([
        import('node:zlib'),
        import('../profile/report/pprof.js'),
      ]);
      return [gzipSync(pprofBytes(profile))];
    }
    case 'speedscope': {
      const { speedscopeFile } = await import('../profile/report/speedscope.js');
      return [`${JSON.stringify(speedscopeFile(profile))}\n`];
    }
    case 'trace':
      return (await import('../profile/report/trace.js')).traceText(profile);
    case 'json': {
      const { jsonReport } = await import('../profile/report/json.js');
      return [`${JSON.stringify(jsonReport(profile, flags.by, flags.sort), null, 2)}\n`];
    }
    case 'html':
      return [(await import('../profile/report/html.js')).htmlPage(profile)];
    case 'boot': {
      const [{ phases }, { phasesText }] = await Promise.all([
        import('../profile/report/phases.js'),
        import('../profile/report/table.js'),
      ]);
      return [phasesText(phases(profile))];
    }
    case undefined:
      return tables(profile, flags);
  }
}

async function tables(
  profile: Profile,
  { by, sort, top, histogram, counters }: ReportFlags,
): Promise<Output> {
  const [{ codeRows }, { requestRows }, { allExits, exitRows }, { timeShares }, text] = await Promise.all([
    import('../profile/report/code-rows.js'),
    import('../profile/report/requests.js'),
    import('../profile/report/rows.js'),
    import('../profile/report/shares.js'),
    import('../profile/report/table.js'),
  ]);
  const all = allExits(profile);
  const pieces = [text.summaryText(profile, all, timeShares(profile))];
  const table = <T>(rows: readonly T[], write: (shown: readonly T[]) => string): readonly T[] => {
    const shown = top === 0 ? rows : rows.slice(0, top);
    pieces.push('\n', write(shown));
    if (shown.length < rows.length)
      pieces.push(`… and ${rows.length - shown.length} more: --top 0 shows all\n`);
    return shown;
  };
  for (const grouping of by) {
    const shown = table(exitRows(profile, grouping, sort), rows => text.rowsText(rows, all, grouping));
    if (histogram) for (const row of shown) pieces.push('\n', text.histogramText(row));
  }
  const requests = requestRows(profile);
  if (requests.length > 0) table(requests, text.requestsText);
  const code = codeRows(profile);
  if (code.length > 0) table(code, rows => text.codeText(rows, code, profile.meta.samplePeriod));
  if (counters) pieces.push('\n', text.countersText(profile.counters));
  return pieces;
}

async function compare(before: Profile, after: Profile, { by, top, json }: ReportFlags): Promise<Output> {
  const [{ difference }, { differenceText }] = await Promise.all([
    import('../profile/report/difference.js'),
    import('../profile/report/table.js'),
  ]);
  if (json) {
    const groups = by.map(grouping => [
      grouping,
      difference(before, after, grouping).map(({ key, change, before: old, after: now, hostNs }) => ({
        key,
        change,
        hostNs,
        count: [old?.count ?? 0, now?.count ?? 0],
        p50: [old?.p50 ?? null, now?.p50 ?? null],
      })),
    ]);
    return [`${JSON.stringify(Object.fromEntries(groups), null, 2)}\n`];
  }
  return by.map(grouping => {
    const rows = difference(before, after, grouping);
    return differenceText(top === 0 ? rows : rows.slice(0, top), grouping);
  });
}

async function deliver(pieces: Output, path: string | undefined): Promise<void> {
  if (path === undefined) {
    for (const piece of pieces) await writeStdout(piece);
    return;
  }
  const { writeFileInPieces } = await import('../host/write-file.js');
  writeFileInPieces(path, pieces);
}

function parseGroupings(text: string): readonly Grouping[] {
  return text.split(',').map(name => {
    const found = GROUPINGS.find(grouping => grouping === name.trim());
    if (!found) throw new InvalidArgumentError(`Write one or more of ${GROUPINGS.join(', ')}.`);
    return found;
  });
}
