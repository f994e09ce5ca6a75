import { setTimeout } from 'node:timers/promises';
import { check } from '../cases/errors.js';
import { checkMemcached } from './memcached-load.js';
import { isInstalled, runPeer } from './peer.js';
import { LineClient } from './line-client.js';

/** @import { Server } from './server.js' */

const CLIENTS = 4;
const PATIENCE_MS = 120_000;
const RETRY_MS = 100;
/** Of libmemcached-tools: conformance to the protocol, and a load whose every value is verified. */
const CONFORMANCE = 'memccapable';
const LOAD = 'memcaslap';
/** What it asks of memcached and memcached 1.6.45 does not do, on QEMU neither. */
const OUTDATED = ['ascii delete', 'ascii delete noreply'];
/** Connections of the load, and objects that each has at a time: 16 MiB with its values of 1 KiB. */
const CONCURRENCY = 16;
const WINDOW = '1k';

/**
 * @param {Server} server
 * @returns {Promise<string>}
 */
export async function loadMemcached({ ports, loadMs }) {
  const port = ports.memcached;
  await untilItAnswers(port);
  const conforms = isInstalled(CONFORMANCE) ? await conformance(port) : `no ${CONFORMANCE}`;
  const until = performance.now() + loadMs;
  const [load, ...answers] = await Promise.all([
    isInstalled(LOAD) ? memcaslap(port, loadMs) : `no ${LOAD}`,
    ...Array.from({ length: CLIENTS }, (_, i) => checkMemcached(port, `client${i}`, until)),
  ]);
  const total = answers.reduce((sum, count) => sum + count, 0);
  return `${total} answers right; ${load}; ${conforms}`;
}

/**
 * It prints nothing when it is ready.
 *
 * @param {number} port
 */
export async function untilItAnswers(port) {
  const end = performance.now() + PATIENCE_MS;
  for (;;) {
    const answer = await version(port).catch(() => undefined);
    if (answer !== undefined) return check(answer.startsWith('VERSION '), `version: ${answer}`);
    check(performance.now() < end, 'memcached does not answer');
    await setTimeout(RETRY_MS);
  }
}

/** @param {number} port */
async function version(port) {
  const client = await LineClient.connect(port);
  try {
    client.write(['version\r\n']);
    return await client.line();
  } finally {
    client.close();
  }
}

/** @param {number} port */
async function conformance(port) {
  const args = ['-h', '127.0.0.1', '-p', String(port), '-t', '60'];
  const output = await runPeer(CONFORMANCE, args, PATIENCE_MS, [0, 1]);
  const failed = Array.from(output.matchAll(/^(.*\S)\s+\[FAIL\]$/gm), ([, name]) => name);
  const unexpected = failed.filter(name => !OUTDATED.includes(name));
  check(unexpected.length === 0, `${CONFORMANCE}: ${unexpected.join(', ')}`);
  check(/\d+ of \d+ tests failed|All tests passed/.test(output), `${CONFORMANCE} did not come to its end`);
  return `${CONFORMANCE} ${output.match(/\[pass\]$/gm)?.length} passed`;
}

/**
 * @param {number} port
 * @param {number} loadMs
 */
async function memcaslap(port, loadMs) {
  const seconds = Math.max(1, Math.round(loadMs / 1000));
  const args = ['-s', `127.0.0.1:${port}`, '-t', `${seconds}s`, '-T', '1', '-c', String(CONCURRENCY)];
  const output = await runPeer(LOAD, [...args, '-w', WINDOW, '-v', '1.0'], loadMs + PATIENCE_MS);
  for (const wrong of ['get_misses', 'verify_misses', 'verify_failed']) {
    const count = new RegExp(`^${wrong}: (\\d+)`, 'm').exec(output)?.[1];
    check(count === '0', `${LOAD}: ${wrong}: ${count}`);
  }
  const rate = /TPS: (\d+)/.exec(output)?.[1];
  check(rate !== undefined && rate !== '0', `${LOAD} did nothing`);
  return `${LOAD} ${rate}/s, all verified`;
}
