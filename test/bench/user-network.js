// Bytes a second through the user network alone: a guest that does nothing but fill and take large segments, and a peer on
// this machine's loopback, beside the same bytes through a plain socket of Node's in the same run.
import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import { fileURLToPath } from 'node:url';
import { isMainThread, parentPort, Worker } from 'node:worker_threads';
import { nodeNetworkHost } from '../../dist/host/network/network-host.js';
import { checkUserNetwork } from '../../dist/net/user/options.js';
import { UserNetwork } from '../../dist/net/user/user-network.js';
import { median } from './stats.js';

/** @typedef {import('./report.js').Figure} Figure */

const SEGMENT = 44 * 1460;
const HEADERS = 54;
const CHUNK = 65536;
const OFFLOADS = { checksum: true, tcp4: true, tcp6: true, udp: true };
const FLAG = { fin: 1, syn: 2, ack: 16 };
const SCALE = 7;

if (!isMainThread) servePeer();

/** The peer, on a thread of its own: who says 's' is sent bytes without end, all others' bytes are counted. */
function servePeer() {
  const chunk = Buffer.alloc(CHUNK);
  let connections = 0;
  const server = createServer(socket => {
    const connection = ++connections;
    let received = 0;
    socket.on('error', () => {});
    socket.on('data', data => {
      if (received === 0 && data[0] === 0x73) send(socket);
      received += data.length;
      parentPort?.postMessage({ connection, received });
    });
  });
  /** @param {import('node:net').Socket} socket */
  function send(socket) {
    while (!socket.destroyed && socket.write(chunk));
    socket.once('drain', () => send(socket));
  }
  server.listen(0, '127.0.0.1', () => {
    parentPort?.postMessage({ port: /** @type {import('node:net').AddressInfo} */ (server.address()).port });
  });
}

/** One connection of a guest that knows nothing but large segments. */
class BenchGuest {
  accepts = OFFLOADS;
  received = 0;
  /** @type {() => void} */
  onProgress = () => {};
  #frame = Buffer.alloc(HEADERS + SEGMENT);
  #sequence = 1000;
  #acknowledged = 1000;
  #window = 0;
  #expected = 0;
  #acknowledgmentDue = false;
  #scheduled = false;

  /**
   * @param {UserNetwork} network
   * @param {number} port
   */
  constructor(network, port) {
    this.network = network;
    const mac = Buffer.from('52550a000202525400123456', 'hex');
    this.#frame.set(mac);
    this.#frame.writeUInt16BE(0x0800, 12);
    this.#frame.set([0x45, 0, 0, 0, 0, 0, 0x40, 0, 64, 6, 0, 0, 10, 0, 2, 15, 10, 0, 2, 2], 14);
    this.#frame.writeUInt16BE(40_000, 34);
    this.#frame.writeUInt16BE(port, 36);
  }

  connect() {
    this.#frame.set([2, 4, 5, 0xb4, 1, 3, 3, SCALE], HEADERS);
    this.#emit(FLAG.syn, 8, 28);
    this.#sequence++;
    this.#acknowledged++;
  }

  /** @param {number} limit bytes under way */
  pump(limit) {
    while (this.#sequence + SEGMENT - this.#acknowledged <= Math.min(this.#window, limit)) {
      this.send(SEGMENT);
    }
  }

  /** @param {number} length */
  send(length) {
    if (length === 1) this.#frame[HEADERS] = 0x73;
    this.#emit(FLAG.ack, length, 20);
    this.#sequence += length;
  }

  setLink() {}

  /** @param {Uint8Array} frame */
  receive(frame) {
    const view = new DataView(frame.buffer, frame.byteOffset, frame.length);
    const flags = frame[47];
    const length = frame.length - HEADERS;
    if (flags & FLAG.syn) this.#expected = view.getUint32(38) + 1;
    else {
      this.#acknowledged += (view.getUint32(42) - this.#acknowledged) | 0;
      this.#window = view.getUint16(48) << 4;
      this.#expected = (this.#expected + length) >>> 0;
      this.received += length;
    }
    if (length > 0 || flags & FLAG.syn) this.#acknowledgmentDue = true;
    if (!this.#scheduled) {
      this.#scheduled = true;
      setImmediate(() => this.#turn());
    }
    return true;
  }

  /** As a real card, it does not send while it receives. */
  #turn() {
    this.#scheduled = false;
    if (this.#acknowledgmentDue) this.#emit(FLAG.ack, 0, 20);
    this.#acknowledgmentDue = false;
    this.onProgress();
  }

  /**
   * @param {number} flags
   * @param {number} length
   * @param {number} header
   */
  #emit(flags, length, header) {
    const frame = this.#frame;
    const total = 40 + length;
    frame.writeUInt16BE(total, 16);
    frame.writeUInt16BE(0, 24);
    let sum = 0;
    for (let at = 14; at < 34; at += 2) sum += frame.readUInt16BE(at);
    sum = (sum & 0xffff) + (sum >> 16);
    frame.writeUInt16BE(~((sum & 0xffff) + (sum >> 16)) & 0xffff, 24);
    frame.writeUInt32BE(this.#sequence >>> 0, 38);
    frame.writeUInt32BE(this.#expected, 42);
    frame[46] = header << 2;
    frame[47] = flags;
    frame.writeUInt16BE(0xffff, 48);
    this.network.transmit(frame.subarray(0, 14 + total), { csumStart: 34, csumOffset: 16 });
  }
}

/**
 * MiB/s of what `start` begins, by the bytes that `count` says.
 * @param {number} bytes
 * @param {() => number} count
 * @param {(progressed: () => void) => void} start
 */
async function rate(bytes, count, start) {
  const began = performance.now();
  await new Promise(resolve => {
    start(() => {
      if (count() >= bytes) resolve(undefined);
    });
  });
  return bytes / 2 ** 20 / ((performance.now() - began) / 1000);
}

/** How many connections the peer has had. */
let connections = 0;

/**
 * @param {{ rounds: number, bytes: number }} options
 * @returns {Promise<Figure[]>}
 */
export async function measureUserNetwork({ rounds, bytes }) {
  const worker = new Worker(fileURLToPath(import.meta.url));
  const [{ port }] = await once(worker, 'message');
  /** @type {Record<'out' | 'in' | 'plainOut' | 'plainIn', number[]>} */
  const rates = { out: [], in: [], plainOut: [], plainIn: [] };
  for (let round = 0; round < rounds; round++) {
    rates.out.push(await throughNetwork(worker, port, bytes, 'out'));
    rates.plainOut.push(await throughSocket(worker, port, bytes, 'out'));
    rates.in.push(await throughNetwork(worker, port, bytes, 'in'));
    rates.plainIn.push(await throughSocket(worker, port, bytes, 'in'));
  }
  await worker.terminate();
  return [
    { name: 'user network, guest to host', value: median(rates.out), unit: 'MiB/s' },
    { name: 'plain socket, the same bytes', value: median(rates.plainOut), unit: 'MiB/s' },
    { name: 'ratio', value: median(rates.out) / median(rates.plainOut), unit: '×' },
    { name: 'user network, host to guest', value: median(rates.in), unit: 'MiB/s' },
    { name: 'plain socket, the same bytes', value: median(rates.plainIn), unit: 'MiB/s' },
    { name: 'ratio', value: median(rates.in) / median(rates.plainIn), unit: '×' },
  ];
}

/**
 * MiB/s of a guest's connection.
 * @param {Worker} worker
 * @param {number} port
 * @param {number} bytes
 * @param {'in' | 'out'} direction seen from the guest
 */
async function throughNetwork(worker, port, bytes, direction) {
  connections++;
  const network = await UserNetwork.open(checkUserNetwork(), nodeNetworkHost);
  const guest = new BenchGuest(network, port);
  network.attach(guest);
  await new Promise(resolve => {
    guest.onProgress = () => resolve(undefined);
    guest.connect();
  });
  let received = 0;
  const result = await rate(
    bytes,
    () => (direction === 'out' ? received : guest.received),
    progressed => {
      if (direction === 'in') {
        guest.onProgress = progressed;
        guest.send(1);
        return;
      }
      guest.onProgress = () => guest.pump(1 << 20);
      worker.on('message', message => {
        if (message.connection !== connections) return;
        received = message.received;
        progressed();
      });
      // The window of the handshake is not scaled: the first acknowledgment tells the real one.
      guest.send(2);
    },
  );
  worker.removeAllListeners('message');
  network.close();
  return result;
}

/**
 * MiB/s of a plain socket.
 * @param {Worker} worker
 * @param {number} port
 * @param {number} bytes
 * @param {'in' | 'out'} direction seen from the guest
 */
async function throughSocket(worker, port, bytes, direction) {
  connections++;
  let received = 0;
  const buffer = new Uint8Array(SEGMENT);
  let progress = () => {};
  const onread = {
    buffer,
    /** @param {number} length */
    callback: length => {
      received += length;
      progress();
      return true;
    },
  };
  const socket = connect({ port, host: '127.0.0.1', onread });
  await once(socket, 'connect');
  const result = await rate(
    bytes,
    () => received,
    progressed => {
      progress = progressed;
      if (direction === 'in') {
        socket.write('s');
        return;
      }
      worker.on('message', message => {
        if (message.connection !== connections) return;
        received = message.received;
        progressed();
      });
      const chunk = Buffer.alloc(SEGMENT);
      const pump = () => {
        for (let sent = 0; sent < 1 << 20 && socket.write(chunk); sent += SEGMENT);
        if (received < bytes) {
          if (socket.writableNeedDrain) socket.once('drain', pump);
          else setImmediate(pump);
        }
      };
      pump();
    },
  );
  worker.removeAllListeners('message');
  socket.resetAndDestroy();
  return result;
}

if (isMainThread && process.argv[1] === fileURLToPath(import.meta.url)) {
  const [rounds = '5', mebibytes = '512'] = process.argv.slice(2);
  for (const { name, value, unit } of await measureUserNetwork({
    rounds: Number(rounds),
    bytes: Number(mebibytes) * 2 ** 20,
  })) {
    console.log(`${name.padEnd(32)} ${value.toFixed(2)} ${unit}`);
  }
}
