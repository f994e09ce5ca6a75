import type { Socket } from 'node:net';
import { describe, expect, test } from 'vitest';
import { CheckFailed } from '../../../../scripts/cases/errors.js';
import { LineClient } from '../../../../scripts/osv/line-client.js';
import { checkMemcached } from '../../../../scripts/osv/memcached-load.js';
import { checkRedis } from '../../../../scripts/osv/redis-load.js';
import { checkSame } from '../../../../scripts/osv/values.js';
import { LoopbackServer } from './loopback-server.js';

/** What a server can do wrong with the value that it is about to send. */
type Fault = (value: Buffer) => Buffer;

const none: Fault = value => value;
const flipped: Fault = value =>
  Buffer.from(value.map((byte, i) => (i === value.length - 1 ? byte ^ 1 : byte)));
const shortened: Fault = value => value.subarray(1);

/** As much of memcached's text protocol as its load speaks. */
async function memcached(fault: Fault): Promise<LoopbackServer> {
  const values = new Map<string, Buffer>();
  const answer = async (socket: Socket): Promise<void> => {
    const client = new LineClient(socket);
    for (;;) {
      const line = await client.line().catch(() => undefined);
      if (line === undefined) return;
      const [command, key, argument, , length] = line.split(' ');
      const value = values.get(key);
      const said = value && fault(value);
      switch (command) {
        case 'set':
          values.set(key, await client.block(Number(length)));
          socket.write('STORED\r\n');
          break;
        case 'append': {
          const more = await client.block(Number(length));
          if (value) values.set(key, Buffer.concat([value, more]));
          socket.write(value ? 'STORED\r\n' : 'NOT_STORED\r\n');
          break;
        }
        case 'get':
          if (said)
            socket.write(Buffer.concat([Buffer.from(`VALUE ${key} 0 ${said.length}\r\n`), said, CRLF]));
          socket.write('END\r\n');
          break;
        case 'delete':
          socket.write(values.delete(key) ? 'DELETED\r\n' : 'NOT_FOUND\r\n');
          break;
        case 'incr': {
          const sum = String(Number(value) + Number(argument));
          values.set(key, Buffer.from(sum));
          socket.write(`${sum}\r\n`);
        }
      }
    }
  };
  return LoopbackServer.listen(socket => void answer(socket));
}

const CRLF = Buffer.from('\r\n');

/** As much of Redis as its load asks for. */
async function redis(fault: Fault, pushed: Buffer[] = []): Promise<LoopbackServer> {
  const values = new Map<string, Buffer>();
  const list: Buffer[] = [];
  const answer = async (socket: Socket): Promise<void> => {
    const client = new LineClient(socket);
    const bulk = (value: Buffer | undefined): void => {
      const said = value && fault(value);
      socket.write(said ? Buffer.concat([Buffer.from(`$${said.length}\r\n`), said, CRLF]) : '$-1\r\n');
    };
    for (;;) {
      const count = await client.line().catch(() => undefined);
      if (count === undefined) return;
      const words: Buffer[] = [];
      for (let i = 0; i < Number(count.slice(1)); i++) {
        words.push(await client.block(Number((await client.line()).slice(1))));
      }
      const key = words[1].toString();
      const value = values.get(key) ?? Buffer.alloc(0);
      switch (words[0].toString()) {
        case 'SET':
          values.set(key, words[2]);
          socket.write('+OK\r\n');
          break;
        case 'GET':
          bulk(values.get(key));
          break;
        case 'APPEND':
          values.set(key, Buffer.concat([value, words[2]]));
          socket.write(`:${value.length + 1}\r\n`);
          break;
        case 'DEL':
          socket.write(`:${Number(values.delete(key))}\r\n`);
          break;
        case 'INCRBY': {
          const sum = Number(value.toString()) + Number(words[2]);
          values.set(key, Buffer.from(String(sum)));
          socket.write(`:${sum}\r\n`);
          break;
        }
        case 'RPUSH':
          pushed.push(words[2]);
          socket.write(`:${list.push(words[2])}\r\n`);
          break;
        case 'LPOP':
          bulk(list.shift());
      }
    }
  };
  return LoopbackServer.listen(socket => void answer(socket));
}

const LOADS = [
  { name: 'memcached', serve: memcached, load: checkMemcached },
  { name: 'redis', serve: redis, load: checkRedis },
] as const;
/** A server that answers wrongly is found out long before that. */
const LONG_MS = 60_000;
const SHORT_MS = 200;

for (const { name, serve, load } of LOADS) {
  describe(`the load of ${name}`, () => {
    test('counts answers that are right', async () => {
      await using server = await serve(none);
      expect(await load(server.port, 'client', performance.now() + SHORT_MS)).toBeGreaterThanOrEqual(1);
    });

    for (const [what, fault] of Object.entries({ flipped, shortened })) {
      test(`finds a value that is ${what}`, async () => {
        await using server = await serve(fault);
        await expect(load(server.port, 'client', performance.now() + LONG_MS)).rejects.toThrow(
          'another value than was set',
        );
      });
    }

    test('finds a value that is lost', async () => {
      await using server = await serve(none);
      const other = load(server.port, 'client', performance.now() + LONG_MS);
      // Another client under the same name: each finds what the other did.
      const second = load(server.port, 'client', performance.now() + LONG_MS);
      await expect(Promise.all([other, second])).rejects.toThrow(CheckFailed);
      await Promise.allSettled([other, second]);
    });
  });
}

test('the load of redis has no value in a list that OSv built by GCC 12 damages when it moves', async () => {
  const pushed: Buffer[] = [];
  while (pushed.length < 300) {
    await using server = await redis(none, pushed);
    await checkRedis(server.port, 'client', performance.now() + SHORT_MS);
  }
  expect(Math.min(...pushed.map(value => value.length))).toBeGreaterThanOrEqual(16);
});

describe('a value that is compared with what was set', () => {
  const set = Buffer.from('0123456789');

  test('may be the same, and may be nothing where nothing was set', () => {
    expect(() => checkSame('GET a', Buffer.from(set), set)).not.toThrow();
    expect(() => checkSame('GET a', undefined, undefined)).not.toThrow();
  });

  test.each([
    ['lost', undefined, set, 'GET a: a value is lost'],
    ['still there', set, undefined, 'GET a: a value that was removed'],
    ['a status', 'OK', set, 'GET a: OK'],
    [
      'changed',
      Buffer.from('0123x56y89'),
      set,
      'GET a: another value than was set: 10 bytes for 10, 2 of them wrong; from byte 4 on 783536793839, not 343536373839',
    ],
    [
      'cut off',
      set.subarray(0, 8),
      set,
      'GET a: another value than was set: 8 bytes for 10, 2 of them wrong; from byte 8 on nothing, not 3839',
    ],
  ])('is told when it is %s', (_, answer, expected, message) => {
    expect(() => checkSame('GET a', answer, expected)).toThrow(new CheckFailed(message));
  });
});
