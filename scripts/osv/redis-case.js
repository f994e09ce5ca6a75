import { CheckFailed, check } from '../cases/errors.js';
import { isInstalled, runPeer } from './peer.js';
import { checkRedis, RedisConnection } from './redis-load.js';

/** @import { Server } from './server.js' */

const CLIENTS = 4;
const PATIENCE_MS = 300_000;
const BENCHMARK = 'redis-benchmark';
const TESTS = 'ping,set,get,incr,lpush,rpush,lpop,rpop,sadd,hset,spop,zadd,zpopmin,lrange_100,mset';

/**
 * @param {Server} server
 * @returns {Promise<string>}
 */
export async function loadRedis({ ports, loadMs }) {
  const port = ports.redis;
  const until = performance.now() + loadMs;
  const [load, ...answers] = await Promise.all([
    isInstalled(BENCHMARK) ? benchmark(port, until) : `no ${BENCHMARK}`,
    ...Array.from({ length: CLIENTS }, (_, i) => checkRedis(port, `client${i}`, until)),
  ]);
  const total = answers.reduce((sum, count) => sum + count, 0);
  return `${total} answers right; ${load}`;
}

/**
 * Runs all of redis-benchmark's tests again and again.
 *
 * @param {number} port
 * @param {number} until by `performance.now()`
 */
async function benchmark(port, until) {
  const args = [
    '-h',
    '127.0.0.1',
    '-p',
    String(port),
    '-t',
    TESTS,
    '-n',
    '1000',
    '-c',
    '20',
    '-P',
    '4',
    '--csv',
  ];
  const rates = [];
  while (performance.now() < until) {
    const output = await runPeer(BENCHMARK, args, PATIENCE_MS);
    check(!/error/i.test(output), `${BENCHMARK}: ${output}`);
    const rate = /^"GET","([\d.]+)"/m.exec(output)?.[1];
    if (rate === undefined) throw new CheckFailed(`${BENCHMARK} has no result of GET: ${output}`);
    rates.push(Number(rate));
  }
  return `${rates.length} × ${BENCHMARK}, GET up to ${Math.round(Math.max(...rates))}/s`;
}

/** @param {Server} server */
export async function shutRedisDown({ ports }) {
  const connection = await RedisConnection.connect(ports.redis);
  // It ends instead of answering.
  void connection.command('SHUTDOWN', 'NOSAVE').catch(() => undefined);
}
