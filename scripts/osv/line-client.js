import { once } from 'node:events';
import { connect } from 'node:net';
import { CheckFailed } from '../cases/errors.js';

/** A stream whose answers are lines and counted bytes, as memcached's and Redis' protocols have them. */
export class LineClient {
  /** @type {Buffer[]} */
  #chunks = [];
  #length = 0;
  /** @type {(() => void) | undefined} */
  #wake;
  /** @type {Error | undefined} */
  #failure;

  /** @param {import('node:net').Socket} socket */
  constructor(socket) {
    this.socket = socket;
    socket.setNoDelay(true);
    socket.on('data', data => {
      this.#chunks.push(data);
      this.#length += data.length;
      this.#wake?.();
    });
    socket.on('error', error => this.#fail(error));
    socket.on('close', () => this.#fail(new CheckFailed('the server has closed the connection')));
  }

  /** @param {number} port */
  static async connect(port) {
    const socket = connect(port, '127.0.0.1');
    await once(socket, 'connect');
    return new LineClient(socket);
  }

  /** @param {readonly (string | Buffer)[]} parts */
  write(parts) {
    this.socket.write(Buffer.concat(parts.map(part => Buffer.from(part))));
  }

  /** The next line, without its end. */
  async line() {
    for (;;) {
      const data = this.#joined();
      const end = data.indexOf('\r\n');
      if (end >= 0) {
        this.#take(end + 2);
        return data.toString('latin1', 0, end);
      }
      await this.#more();
    }
  }

  /**
   * The next bytes, and the end of a line behind them.
   *
   * @param {number} size
   */
  async block(size) {
    while (this.#length < size + 2) await this.#more();
    const data = this.#joined();
    this.#take(size + 2);
    if (data.toString('latin1', size, size + 2) !== '\r\n') {
      throw new CheckFailed(`a value of ${size} bytes does not end where it should`);
    }
    return data.subarray(0, size);
  }

  close() {
    this.socket.destroy();
  }

  #joined() {
    if (this.#chunks.length !== 1) this.#chunks = [Buffer.concat(this.#chunks)];
    return this.#chunks[0];
  }

  /** @param {number} size */
  #take(size) {
    this.#chunks = [this.#joined().subarray(size)];
    this.#length -= size;
  }

  async #more() {
    if (this.#failure) throw this.#failure;
    await new Promise(resolve => (this.#wake = () => resolve(undefined)));
    if (this.#failure && this.#length === 0) throw this.#failure;
  }

  /** @param {Error} error */
  #fail(error) {
    this.#failure ??= error;
    this.#wake?.();
  }
}
