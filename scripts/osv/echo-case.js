import { createHash, randomBytes } from 'node:crypto';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { connect } from 'node:net';
import { check } from '../cases/errors.js';

/** @import { Server } from './server.js' */

/** By how much the largest of the streams that are open at the same time is smaller than one that is alone. */
const PART = 128;
const CONNECTIONS = 32;
const DATAGRAMS = 50;
/** The most that fits in one frame. */
const LARGEST_DATAGRAM = 1472;
/** UDP may lose a datagram anywhere; nobody may lose it this often. */
const ATTEMPTS = 5;
const PATIENCE_MS = 2000;
/** By how much two clocks that are never compared may disagree. */
const CLOCK_TOLERANCE = 0.001;

/**
 * Checks every byte of what an HTTP and echo server answers.
 *
 * @param {Server} server
 * @returns {Promise<string>}
 */
export async function talkToEcho({ ports, cpus, bulk }) {
  const origin = `http://127.0.0.1:${ports.http}`;
  check((await text(`${origin}/hello`)) === 'Hello from OSv\n', 'GET /hello has the wrong answer');
  check((await text(`${origin}/cpus`)) === `${cpus}\n`, 'GET /cpus has the wrong answer');
  const started = performance.now();
  await download(origin, bulk);
  await upload(origin, bulk);
  await echoStream(ports.echo, bulk);
  const mibPerSecond = (3 * bulk) / 2 ** 20 / ((performance.now() - started) / 1000);
  await Promise.all(
    Array.from({ length: CONNECTIONS }, async (_, i) => {
      const size = Math.ceil((bulk / PART / CONNECTIONS) * (i + 1));
      await echoStream(ports.echo, size);
      await download(origin, size - 1);
    }),
  );
  await echoDatagrams(ports.udp);
  await keepsTime(origin);
  return `${mibPerSecond.toFixed(1)} MiB/s one way`;
}

/** @param {Server} server */
export async function shutEchoDown({ ports }) {
  await text(`http://127.0.0.1:${ports.http}/shutdown`);
}

/** @param {string} url */
async function text(url) {
  const response = await fetch(url);
  return response.text();
}

/**
 * @param {string} origin
 * @param {number} size
 */
async function download(origin, size) {
  const response = await fetch(`${origin}/bytes/${size}`);
  const body = new Uint8Array(await response.arrayBuffer());
  const expected = Uint8Array.from({ length: size }, (_, i) => i);
  check(body.length === size, `${size} bytes were asked for, ${body.length} came`);
  check(
    digest(body) === digest(expected),
    `the ${size} bytes of an answer are not those that the server sent`,
  );
}

/**
 * @param {string} origin
 * @param {number} size
 */
async function upload(origin, size) {
  const body = randomBytes(size);
  const sum = body.reduce((total, byte) => total + byte, 0);
  const response = await fetch(`${origin}/sum`, { method: 'POST', body });
  const answer = await response.text();
  check(answer === `${size} ${sum}\n`, `the server counted ${answer.trim()} in a body of ${size} ${sum}`);
}

/**
 * Sends a stream, and compares what comes back.
 *
 * @param {number} port
 * @param {number} size
 */
async function echoStream(port, size) {
  const sent = randomBytes(size);
  const socket = connect(port, '127.0.0.1');
  const received = createHash('sha256');
  let length = 0;
  socket.on('data', data => {
    received.update(data);
    length += data.length;
    if (length >= size) socket.end();
  });
  socket.write(sent);
  await once(socket, 'close');
  check(length === size, `${size} bytes went to the echo server, ${length} came back`);
  check(received.digest('hex') === digest(sent), `${size} bytes came back changed from the echo server`);
}

/** @param {number} port */
async function echoDatagrams(port) {
  const socket = createSocket('udp4');
  /** @type {(data: Buffer) => void} */
  let answered = () => undefined;
  socket.on('message', data => answered(data));
  try {
    for (let i = 0; i < DATAGRAMS; i++) {
      const size = 4 + Math.floor((i * (LARGEST_DATAGRAM - 4)) / (DATAGRAMS - 1));
      const datagram = randomBytes(size);
      datagram.writeUInt32BE(i);
      check(await exchange(datagram), `a datagram of ${size} bytes was not echoed in ${ATTEMPTS} attempts`);
    }
  } finally {
    socket.close();
  }

  /** @param {Buffer} datagram */
  async function exchange(datagram) {
    for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
      /** @type {Promise<Buffer | undefined>} */
      const answer = new Promise(resolve => {
        const timer = setTimeout(() => resolve(undefined), PATIENCE_MS);
        answered = data => {
          // Late answers to an earlier attempt.
          if (data.readUInt32BE() !== datagram.readUInt32BE()) return;
          clearTimeout(timer);
          resolve(data);
        };
      });
      socket.send(datagram, port, '127.0.0.1');
      const data = await answer;
      if (data === undefined) continue;
      check(data.equals(datagram), `a datagram of ${datagram.length} bytes came back changed`);
      return true;
    }
    return false;
  }
}

/**
 * The guest's clock between two questions: no slower than the time between an answer and the next question, no faster than
 * that between a question and the next one's answer. This holds however busy the host is.
 *
 * @param {string} origin
 */
async function keepsTime(origin) {
  const first = await uptime(origin);
  await fetch(`${origin}/spin/3000`).then(response => response.text());
  const second = await uptime(origin);
  const passed = second.seconds - first.seconds;
  const least = (second.asked - first.answered) / 1000;
  const most = (second.answered - first.asked) / 1000;
  const seen = `the guest's clock advanced by ${passed.toFixed(3)} s within ${least.toFixed(3)} to ${most.toFixed(3)} s`;
  check(passed >= least * (1 - CLOCK_TOLERANCE) && passed <= most * (1 + CLOCK_TOLERANCE), seen);
}

/** @param {string} origin */
async function uptime(origin) {
  const asked = performance.now();
  const seconds = Number(await text(`${origin}/uptime`));
  return { asked, seconds, answered: performance.now() };
}

/** @param {Uint8Array} data */
function digest(data) {
  return createHash('sha256').update(data).digest('hex');
}
