import { randomBytes, randomInt } from 'node:crypto';
import { check } from '../cases/errors.js';
import { LineClient } from './line-client.js';
import { checkSame } from './values.js';

/** Keys of a client: their values together are far below the server's memory, so that nothing is ever evicted. */
const KEYS = 100;
const LARGEST_VALUE = 8192;
const LARGEST_APPENDIX = 64;

/** A client that alone knows its keys, and what is behind each. */
class MemcachedClient {
  /** @type {Map<string, Buffer>} */
  #values = new Map();
  #count = 0;

  /**
   * @param {LineClient} client
   * @param {string} name prefix of its keys
   */
  constructor(client, name) {
    this.client = client;
    this.name = name;
    this.operations = [this.set, this.get, this.get, this.get, this.append, this.delete, this.increment];
  }

  async start() {
    const answer = await this.#store('set', this.#counter, Buffer.from('0'));
    check(answer === 'STORED', `set ${this.#counter}: ${answer}`);
  }

  /** Asks for something, and compares the answer. */
  async step() {
    const operation = this.operations[randomInt(this.operations.length)];
    await operation.call(this, `${this.name}-${randomInt(KEYS)}`);
  }

  /** @param {string} key */
  async set(key) {
    const value = randomBytes(randomInt(LARGEST_VALUE));
    const answer = await this.#store('set', key, value);
    check(answer === 'STORED', `set ${key}: ${answer}`);
    this.#values.set(key, value);
  }

  /** @param {string} key */
  async get(key) {
    this.client.write([`get ${key}\r\n`]);
    checkSame(`get ${key}`, await this.#value(key), this.#values.get(key));
  }

  /** @param {string} key */
  async append(key) {
    const more = randomBytes(randomInt(LARGEST_APPENDIX));
    const answer = await this.#store('append', key, more);
    const before = this.#values.get(key);
    check(answer === (before ? 'STORED' : 'NOT_STORED'), `append ${key}: ${answer}`);
    if (before) this.#values.set(key, Buffer.concat([before, more]));
  }

  /** @param {string} key */
  async delete(key) {
    this.client.write([`delete ${key}\r\n`]);
    const answer = await this.client.line();
    check(answer === (this.#values.delete(key) ? 'DELETED' : 'NOT_FOUND'), `delete ${key}: ${answer}`);
  }

  async increment() {
    const by = randomInt(1000);
    this.client.write([`incr ${this.#counter} ${by}\r\n`]);
    this.#count += by;
    const answer = await this.client.line();
    check(answer === String(this.#count), `incr: ${answer}, not ${this.#count}`);
  }

  get #counter() {
    return `${this.name}-counter`;
  }

  /**
   * @param {'set' | 'append'} command
   * @param {string} key
   * @param {Buffer} value
   */
  #store(command, key, value) {
    this.client.write([`${command} ${key} 0 0 ${value.length}\r\n`, value, '\r\n']);
    return this.client.line();
  }

  /** @param {string} key */
  async #value(key) {
    const line = await this.client.line();
    if (line === 'END') return undefined;
    const [, named, length] = /^VALUE (\S+) 0 (\d+)$/.exec(line) ?? [];
    check(named === key, `get ${key}: ${line}`);
    const value = await this.client.block(Number(length));
    const end = await this.client.line();
    check(end === 'END', `get ${key}: ${end} behind the value`);
    return value;
  }
}

/**
 * Sets, gets, deletes, appends and counts for some time.
 *
 * @param {number} port
 * @param {string} name of this client
 * @param {number} until by `performance.now()`
 * @returns {Promise<number>} how many answers were checked
 */
export async function checkMemcached(port, name, until) {
  const line = await LineClient.connect(port);
  const client = new MemcachedClient(line, name);
  let answers = 0;
  try {
    await client.start();
    do {
      await client.step();
      answers++;
    } while (performance.now() < until);
  } finally {
    line.close();
  }
  return answers;
}
