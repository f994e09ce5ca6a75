import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { Profile as Pprof } from 'pprof-format';
import { beforeEach, describe, expect, test } from 'vitest';
import { exampleBytes } from '../unit/profile/report/example.js';
import { temporaryFolder, tsvmm } from './tsvmm.js';

/** Bytes of the last chunk of the example, with its frame. */
const END_SIZE = exampleBytes().length - Buffer.from(exampleBytes()).lastIndexOf('END ');

/** tsvmm report on a profile of which every number is known. */
describe('report', () => {
  let [file, other] = ['', ''];
  beforeEach(() => {
    const folder = temporaryFolder();
    file = join(folder, 'a.prof');
    other = join(folder, 'b.prof');
    writeFileSync(file, exampleBytes());
    writeFileSync(other, exampleBytes({ without: [3] }));
  });

  const report = async (...args: string[]): Promise<string> => {
    const { status, stdout, stderr } = await tsvmm(['report', ...args]);
    expect([status, stderr]).toEqual([0, '']);
    return stdout;
  };

  test('is a summary and a table', async () => {
    expect(await report(file, '--by', 'register', '--sort', 'count', '--top', '2')).toMatchInlineSnapshot(`
      "/somewhere/<b>kernel.elf: wasm, 2 vCPUs, ended: exit
      13 exits in 13.4 µs: guest 5.52 µs (41.2 %), handlers 5.84 µs (43.6 %), machine 40 ns (0.3 %), idle 2 µs (14.9 %), profiler 0 ns (0.0 %)
      note: stripped

      register  count       %    time      %     p50     p99     max  guest before
      com1 LSR      8  61.5 %  440 ns  7.5 %   52 ns   70 ns   70 ns       1.22 µs
      com1 THR      4  30.8 %  400 ns  6.8 %  100 ns  100 ns  100 ns          4 µs
      … and 1 more: --top 0 shows all

      requests                  count     p50     p99     max  together    bytes
      virtio-blk0 read            100  832 ns  832 ns    5 µs   84.2 µs  402 KiB
      virtio-blk0 write zeroes      1  100 ns  100 ns  100 ns    100 ns     33 B
      … and 1 more: --top 0 shows all

      7 samples, one of each 1000 instructions
      guest code     samples        %  with callees
      poll                 7  100.0 %       100.0 %
      driver; write        0    0.0 %       100.0 %
      … and 1 more: --top 0 shows all
      "
    `);
  });

  test('has a table of device requests', async () => {
    expect((await report(file)).split('\n\n')[3]).toMatchInlineSnapshot(`
      "requests                  count     p50     p99     max  together    bytes
      virtio-blk0 read            100  832 ns  832 ns    5 µs   84.2 µs  402 KiB
      virtio-blk0 write zeroes      1  100 ns  100 ns  100 ns    100 ns     33 B
      virtio-blk0 flush             1   88 ns   88 ns   90 ns     90 ns     17 B"
    `);
    expect(JSON.parse(await report(file, '--json'))).toMatchObject({
      requests: [{ type: 'read', count: 100, max: 5000 }, {}, {}],
    });
  });

  test('has tables by register and by function, of guest code, and of counters if asked to', async () => {
    const tables = (await report(file, '--counters')).split('\n\n').slice(1);
    expect(tables.map(table => table.split(/ {2,}|\n/, 1)[0])).toEqual([
      'register',
      'function',
      'requests',
      '7 samples, one of each 1000 instructions',
      'counter',
    ]);
    expect(tables[3]).toMatch(/^poll +7 +100\.0 % +100\.0 %$/m);
    expect(tables[3]).toMatch(/^main +0 +0\.0 % +100\.0 %$/m);
    expect(tables[4]).toMatch(/^page faults +5$/m);
  });

  test('has a table for each grouping, and histograms', async () => {
    const text = await report(file, '--by', 'device,vcpu', '--histogram');
    expect(text).toMatch(/^com1 +12 /m);
    expect(text).toMatch(/^vCPU 1 +2 /m);
    expect(text).toMatch(/^com1: p50 .*\n48 ns +6 +#{40}$/m);
  });

  test('of the boot', async () => {
    expect(await report(file, '--boot')).toMatchInlineSnapshot(`
      "milestone             at  until the next  exits  handlers  most of them
      VMM start        -500 ns         5.10 µs      4    400 ns  com1 THR write 1 × 4
      com1 first byte  4.60 µs         8.80 µs      9   5.44 µs  com1 LSR read 1 × 8, unclaimed memory 0xdead0000 read 4 × 1
      "
    `);
  });

  test('of what changed', async () => {
    expect(await report(file, '--diff', other, '--top', '1')).toMatch(
      /^unclaimed memory 0xdead0000 +vanished +1 +0 /m,
    );
    const json = JSON.parse(await report(file, '--diff', other, '--json')) as Record<
      string,
      { change: string }[]
    >;
    expect(json['register'].map(({ change }) => change)).toEqual(['vanished', 'same', 'same']);
  });

  test('in each format', async () => {
    expect(await report(file, '--folded')).toContain('main;driver  write;com1 THR write 1 4\n');
    expect(JSON.parse(await report(file, '--speedscope'))).toMatchObject({ activeProfileIndex: 0 });
    expect(JSON.parse(await report(file, '--trace'))).toMatchObject({ displayTimeUnit: 'ns' });
    expect(JSON.parse(await report(file, '--json', '--by', 'reason'))).toMatchObject({
      exits: { reason: [{ key: 'mmio', count: 1 }, { key: 'pio', count: 12 }] },
    }); // prettier-ignore
    const page = await report(file, '--html');
    expect(page).toMatch(/^<!doctype html>/);
    expect(page).not.toMatch(/src="?http|href="?http|<\/b>|console=<\/script>/);
    const pprof = join(temporaryFolder(), 'run.pb.gz');
    expect(await report(file, '--pprof', '-o', pprof)).toBe('');
    expect(Pprof.decode(gunzipSync(readFileSync(pprof))).sample.length).toBeGreaterThan(3);
  });

  test.each([
    [['--html', '--json'], '--json and --html are two reports: ask for one at a time'],
    [['--diff', 'b', '--html'], '--diff makes a table, not --html'],
    [['--by', 'colour'], 'Write one or more of reason, device, register, site, function, line, vcpu, point'],
    [['--sort', 'name'], 'Write one of count, time, guest, max'],
    [['--diff', '/nowhere'], 'cannot read profile /nowhere: there is no such file'],
    [['--symbols', '/nowhere'], 'cannot read symbols /nowhere: there is no such file'],
    [['-o', '/nowhere/x'], 'cannot write /nowhere/x: no such file or directory'],
  ])('refuses %j', async (args, message) => {
    const { status, stdout, stderr } = await tsvmm(['report', file, ...args]);
    expect([status, stdout]).toEqual([2, '']);
    expect(stderr).toContain(message);
    expect(stderr.trim().split('\n')).toHaveLength(1);
  });

  test.each([
    [
      'cut off in its middle',
      900,
      /was cut off, and its last piece is not whole, at byte \d+ of 900: only what is before that is shown$/,
    ],
    ['without its end', -END_SIZE, /was cut off: it has no end\. What is there is shown$/],
  ])('shows what is whole of a recording %s, and says so', async (_name, size, message) => {
    writeFileSync(file, exampleBytes().subarray(0, size));
    const { status, stdout, stderr } = await tsvmm(['report', file]);
    expect(status).toBe(1);
    expect(stderr.trimEnd()).toMatch(message);
    expect(stdout).toContain('note: The recording was cut off');
    expect(stdout).toMatch(/^com1 LSR +8 /m);
    const json = await tsvmm(['report', file, '--json']);
    expect(json.status).toBe(1);
    expect(JSON.parse(json.stdout)).toMatchObject({ damage: { kind: 'cut off' }, end: null });
    expect(await tsvmm(['report', other, '--diff', file])).toMatchObject({ status: 1, stderr });
  });

  test('takes names from elsewhere where the recording has lost them, and only there', async () => {
    const map = join(temporaryFolder(), 'System.map');
    writeFileSync(
      map,
      '0000000000001000 T elsewhere\n0000000000002000 T other_driver\n0000000000003000 T poll_once\n',
    );
    const bytes = Buffer.from(exampleBytes());
    writeFileSync(file, bytes.subarray(0, bytes.lastIndexOf('SYMS')));
    const args = ['--by', 'function', '--symbols', map];
    const cut = await tsvmm(['report', file, ...args]);
    expect(cut.status).toBe(1);
    // Of a symbol without a size everything behind it is a part.
    expect(cut.stdout).toMatch(/^poll_once +7 /m);
    expect(cut.stdout).toMatch(/^other_driver +6 /m);
    expect(cut.stdout).not.toContain('have no names');
    expect(await report(other, ...args)).toMatch(/^driver; write +6 /m);
  });

  test('refuses a recording of which nothing is whole', async () => {
    writeFileSync(file, exampleBytes().subarray(0, 100));
    const { status, stdout, stderr } = await tsvmm(['report', file]);
    expect([status, stdout]).toEqual([2, '']);
    expect(stderr).toMatch(/^tsvmm: the profile is cut off before it says what was recorded.*\n$/);
  });

  test('refuses what is no profile', async () => {
    const { status, stderr } = await tsvmm(['report', process.execPath]);
    expect([status, stderr]).toEqual([2, expect.stringContaining('not a profile')]);
  });
});
