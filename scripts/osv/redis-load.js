import { randomBytes, randomInt } from 'node:crypto';
import { check } from '../cases/errors.js';
import { LineClient } from './line-client.js';
import { checkSame } from './values.js';

/** Keys of a client. */
const KEYS = 100;
const LARGEST_VALUE = 8192;
/** A list is emptied beyond this. */
const LONGEST_LIST = 50;
/**
 * Redis moves what is behind a removed item down by the item's size, and OSv's memmove is wrong over less than 16 bytes
 * when GCC 12 or later has built it: docs/booting-osv.md.
 */
const SMALLEST_ITEM = 16;
const LARGEST_ITEM = 100;

/**
 * What a server says: a status, a number, bytes, or nothing.
 *
 * @typedef {string | number | Buffer | undefined} Reply
 */

/** A connection by which commands are answered one by one (RESP version 2). */
export class RedisConnection {
  /** @param {LineClient} client */
  constructor(client) {
    this.client = client;
  }

  /** @param {number} port */
  static async connect(port) {
    return new RedisConnection(await LineClient.connect(port));
  }

  /**
   * @param {...(string | Buffer)} words
   * @returns {Promise<Reply>}
   */
  async command(...words) {
    this.client.write([
      `*${words.length}\r\n`,
      ...words.flatMap(word => [`$${Buffer.byteLength(word)}\r\n`, word, '\r\n']),
    ]);
    const line = await this.client.line();
    const rest = line.slice(1);
    switch (line[0]) {
      case '+':
        return rest;
      case ':':
        return Number(rest);
      case '$':
        return rest === '-1' ? undefined : this.client.block(Number(rest));
      default:
        check(false, `${String(words[0])}: ${line}`);
    }
  }

  close() {
    this.client.close();
  }
}

/** A client that alone knows its keys, and what is behind each. */
class RedisClient {
  /** @type {Map<string, Buffer>} */
  #values = new Map();
  /** @type {Buffer[]} */
  #list = [];
  #count = 0;

  /**
   * @param {RedisConnection} connection
   * @param {string} name prefix of its keys
   */
  constructor(connection, name) {
    this.connection = connection;
    this.name = name;
    this.operations = [
      this.set,
      this.get,
      this.get,
      this.append,
      this.delete,
      this.increment,
      this.push,
      this.pop,
    ];
  }

  /** Asks for something, and compares the answer. */
  async step() {
    const operation = this.operations[randomInt(this.operations.length)];
    await operation.call(this, `${this.name}-${randomInt(KEYS)}`);
  }

  /** @param {string} key */
  async set(key) {
    const value = randomBytes(randomInt(LARGEST_VALUE));
    const answer = await this.connection.command('SET', key, value);
    check(answer === 'OK', `SET ${key}: ${String(answer)}`);
    this.#values.set(key, value);
  }

  /** @param {string} key */
  async get(key) {
    checkSame(`GET ${key}`, await this.connection.command('GET', key), this.#values.get(key));
  }

  /** @param {string} key */
  async append(key) {
    const value = Buffer.concat([this.#values.get(key) ?? Buffer.alloc(0), randomBytes(1)]);
    const answer = await this.connection.command('APPEND', key, value.subarray(-1));
    check(answer === value.length, `APPEND ${key}: ${String(answer)}, not ${value.length}`);
    this.#values.set(key, value);
  }

  /** @param {string} key */
  async delete(key) {
    const answer = await this.connection.command('DEL', key);
    check(answer === Number(this.#values.delete(key)), `DEL ${key}: ${String(answer)}`);
  }

  async increment() {
    const by = randomInt(1000);
    this.#count += by;
    const answer = await this.connection.command('INCRBY', `${this.name}-counter`, String(by));
    check(answer === this.#count, `INCRBY: ${String(answer)}, not ${this.#count}`);
  }

  async push() {
    if (this.#list.length >= LONGEST_LIST) return this.pop();
    const value = randomBytes(randomInt(SMALLEST_ITEM, LARGEST_ITEM));
    this.#list.push(value);
    const answer = await this.connection.command('RPUSH', `${this.name}-list`, value);
    check(answer === this.#list.length, `RPUSH: ${String(answer)}, not ${this.#list.length}`);
  }

  async pop() {
    checkSame('LPOP', await this.connection.command('LPOP', `${this.name}-list`), this.#list.shift());
  }
}

/**
 * Sets, gets, appends, counts and keeps a list for some time.
 *
 * @param {number} port
 * @param {string} name of this client
 * @param {number} until by `performance.now()`
 * @returns {Promise<number>} how many answers were checked
 */
export async function checkRedis(port, name, until) {
  const connection = await RedisConnection.connect(port);
  const client = new RedisClient(connection, name);
  let answers = 0;
  try {
    do {
      await client.step();
      answers++;
    } while (performance.now() < until);
  } finally {
    connection.close();
  }
  return answers;
}
