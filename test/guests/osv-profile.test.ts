import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { readProfile } from 'tsvmm';
import { Files } from '../../scripts/osv/files.js';
import { untilItAnswers } from '../../scripts/osv/memcached-case.js';
import { checkMemcached } from '../../scripts/osv/memcached-load.js';
import { freePort } from '../../scripts/cases/ports.js';
import { startTsvmm, temporaryFolder } from '../cli/tsvmm.js';
import { ACCELERATORS } from './harness.js';

const HOW = 'TSVMM_OSV_FILES is not set: docs/booting-osv.md tells what the folder has';
const LOAD_MS = 2000;
/** Instructions between two samples: each answer of memcached has more. */
const SAMPLE = '5000';
const STOPPED_BY_SIGINT = 130;

test('functions of shared objects that OSv has loaded are named', { timeout: 240_000 }, async ({ skip }) => {
  if (!(ACCELERATORS as readonly string[]).includes('wasm')) return skip('only the software CPU has samples');
  const folder = process.env['TSVMM_OSV_FILES'];
  if (!folder) return skip(HOW);
  const files = new Files(folder);
  const missing = files.missing(['kernel', 'memcachedDebianDisk']);
  if (missing.length > 0) return skip(`${folder} has no ${missing.join(', ')}`);

  const port = await freePort();
  const file = join(temporaryFolder(), 'osv.profile');
  const machine = startTsvmm(
    [
      ...['profile', '-o', file, '--sample', SAMPLE, '--accel', 'wasm', '-m', '512M'],
      ...['--disk', `${files.path('memcachedDebianDisk')},snapshot`],
      ...['--net', `user,hostfwd=tcp:127.0.0.1:${port}-:11211`],
      files.path('kernel'),
      ...['--', '--rootfs=rofs', '/memcached', '-t', '1', '-u', 'root', '-m', '64'],
    ],
    { stdio: 'ignore' },
  );
  const ended = once(machine, 'exit');
  await untilItAnswers(port);
  expect(await checkMemcached(port, 'client', performance.now() + LOAD_MS)).toBeGreaterThan(0);
  machine.kill('SIGINT');
  expect(await ended).toEqual([STOPPED_BY_SIGINT, null]);

  const { symbols, samples, stacks } = readProfile(readFileSync(file));
  const sampled = samples.flatMap(({ stack }) => symbols.get(stacks[stack][0]) ?? []);
  const functionsOf = (image: RegExp): Set<string> =>
    new Set(sampled.filter(symbol => image.test(symbol.image)).map(({ name }) => name));
  // memcached's threads wait for their connections in libevent, whose file the host does not have.
  expect(functionsOf(/^libevent/)).toContain('event_base_loop');
  expect(functionsOf(/^kernel\.elf$/).size).toBeGreaterThan(10);
});
