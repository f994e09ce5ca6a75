import { spawn } from 'node:child_process';
import { createCipheriv, createHash } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { Readable } from 'node:stream';

/** @import { AddressInfo } from 'node:net' */
/** @import { RequestListener } from 'node:http' */

/**
 * Bytes that look random, and always the same ones.
 *
 * @param {number} length
 * @param {(bytes: Buffer) => void} seen is called with all of them, in their order
 */
export function pseudoRandom(length, seen) {
  const cipher = createCipheriv('aes-128-ctr', Buffer.alloc(16), Buffer.alloc(16));
  const zeros = Buffer.alloc(1 << 18);
  let left = length;
  return new Readable({
    highWaterMark: 1 << 20,
    read() {
      if (left === 0) {
        this.push(null);
        return;
      }
      const bytes = cipher.update(zeros.subarray(0, Math.min(left, zeros.length)));
      left -= bytes.length;
      seen(bytes);
      this.push(bytes);
    },
  });
}

/** The sum that the guest's md5sum prints. */
export function md5() {
  return createHash('md5');
}

/**
 * An HTTP server on the host's loopback, in both families, for as long as `use` takes.
 *
 * @template T
 * @param {RequestListener} listener
 * @param {(port: number) => Promise<T>} use
 */
export async function withHttpServer(listener, use) {
  // However slow the guest is.
  const options = { requestTimeout: 0 };
  const server = createServer(options, listener);
  const server6 = createServer(options, listener);
  // A storm of connections waits here.
  server.listen({ port: 0, host: '127.0.0.1', backlog: 1024 });
  await once(server, 'listening');
  const { port } = /** @type {AddressInfo} */ (server.address());
  server6.listen(port, '::1');
  await once(server6, 'listening');
  try {
    return await use(port);
  } finally {
    for (const each of [server, server6]) {
      each.closeAllConnections();
      each.close();
    }
  }
}

/** A program of the host that runs beside the guest. */
export class Program {
  output = '';
  /** @type {Buffer[]} */
  #stdout = [];

  /**
   * @param {string} command
   * @param {readonly (string | number)[]} args
   * @param {Buffer} [input]
   */
  constructor(command, args, input) {
    this.name = command;
    this.process = spawn(command, args.map(String), { stdio: ['pipe', 'pipe', 'pipe'] });
    this.process.stdin.on('error', () => {
      // It has ended, or wants no more of it: what it says tells.
    });
    if (input) this.process.stdin.end(input);
    this.process.stdout.on('data', data => {
      this.#stdout.push(data);
      this.output += String(data);
    });
    this.process.stderr.on('data', data => (this.output += String(data)));
    this.ended = /** @type {Promise<number | null>} */ (
      once(this.process, 'close').then(([status]) => status)
    );
  }

  get stdout() {
    return Buffer.concat(this.#stdout);
  }

  /**
   * @param {RegExp} pattern
   * @returns {Promise<void>} it has printed that, or has ended
   */
  printed(pattern) {
    return new Promise(resolve => {
      const look = () => {
        if (!pattern.test(this.output) && this.process.exitCode === null) return;
        this.process.stdout.off('data', look);
        this.process.stderr.off('data', look);
        resolve();
      };
      this.process.stdout.on('data', look);
      this.process.stderr.on('data', look);
      this.process.once('close', look);
      look();
    });
  }

  /** Ends it, if it has not ended yet. */
  async end() {
    if (this.process.exitCode === null && this.process.signalCode === null) this.process.kill();
    await this.ended;
  }
}

/**
 * Runs programs for as long as `use` takes.
 *
 * @template T
 * @param {readonly Program[]} programs
 * @param {() => Promise<T>} use
 */
export async function withPrograms(programs, use) {
  try {
    return await use();
  } finally {
    await Promise.all(programs.map(program => program.end()));
  }
}
