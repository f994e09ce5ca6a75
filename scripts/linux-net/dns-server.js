import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { createServer } from 'node:net';

/** @import { AddressInfo, Socket } from 'node:net' */

const A = 1;
const TXT = 16;
const NO_SUCH_NAME = 3;
/** What a datagram without EDNS carries (RFC 1035, 2.3.4); dig's own offer is 1232. */
const MOST_OF_A_DATAGRAM = 512;
/** Bytes of the text of large.test. */
export const LARGE_TEXT = 4000;

/** @param {string} name @param {number} type @returns {Buffer | undefined} RDATA */
function dataOf(name, type) {
  if (name === 'address.test' && type === A) return Buffer.from([192, 0, 2, 7]);
  if (name === 'large.test' && type === TXT) {
    const string = Buffer.concat([Buffer.of(250), Buffer.alloc(250, 'x')]);
    return Buffer.concat(Array(LARGE_TEXT / 250).fill(string));
  }
  return undefined;
}

/**
 * @param {Buffer} query with one question (RFC 1035, 4)
 * @param {number} limit in bytes of the answer
 */
function answer(query, limit) {
  const labels = [];
  let at = 12;
  for (; query[at] !== 0; at += query[at] + 1)
    labels.push(query.toString('latin1', at + 1, at + 1 + query[at]));
  const type = query.readUInt16BE(at + 1);
  const question = query.subarray(12, at + 5);
  const data = dataOf(labels.join('.').toLowerCase(), type);
  const record = Buffer.alloc(data ? 12 : 0);
  if (data) {
    // A pointer to the question's name, type, class IN, 60 s to live.
    record.writeUInt16BE(0xc00c, 0);
    record.writeUInt16BE(type, 2);
    record.writeUInt16BE(1, 4);
    record.writeUInt32BE(60, 6);
    record.writeUInt16BE(data.length, 10);
  }
  const records = Buffer.concat([record, data ?? Buffer.alloc(0)]);
  const truncated = 12 + question.length + records.length > limit;
  const header = Buffer.alloc(12);
  query.copy(header, 0, 0, 2);
  // QR, AA, TC, RD, RA.
  header.writeUInt16BE(0x8580 | (truncated ? 0x0200 : 0) | (data ? 0 : NO_SUCH_NAME), 2);
  header.writeUInt16BE(1, 4);
  header.writeUInt16BE(data && !truncated ? 1 : 0, 6);
  return Buffer.concat([header, question, truncated ? Buffer.alloc(0) : records]);
}

/** @param {Socket} socket */
function serveStream(socket) {
  let received = Buffer.alloc(0);
  socket.on('error', () => {
    // Whoever asked sees it.
  });
  socket.on('data', data => {
    received = Buffer.concat([received, data]);
    while (received.length >= 2 && received.length >= 2 + received.readUInt16BE(0)) {
      const end = 2 + received.readUInt16BE(0);
      const message = answer(received.subarray(2, end), 65_535);
      const length = Buffer.alloc(2);
      length.writeUInt16BE(message.length, 0);
      socket.write(Buffer.concat([length, message]));
      received = received.subarray(end);
    }
  });
}

/**
 * A name server on the host's loopback, over UDP in both families and over TCP, for as long as `use` takes. It knows
 * address.test and large.test.
 *
 * @template T
 * @param {(port: number) => Promise<T>} use
 */
export async function withNameServer(use) {
  const tcp = createServer(serveStream).listen(0, '127.0.0.1');
  await once(tcp, 'listening');
  const { port } = /** @type {AddressInfo} */ (tcp.address());
  const sockets = [createSocket('udp4'), createSocket('udp6')];
  for (const [i, socket] of sockets.entries()) {
    socket.on('message', (query, from) => {
      socket.send(answer(query, MOST_OF_A_DATAGRAM), from.port, from.address);
    });
    socket.bind(port, ['127.0.0.1', '::1'][i]);
    await once(socket, 'listening');
  }
  try {
    return await use(port);
  } finally {
    tcp.close();
    for (const socket of sockets) socket.close();
  }
}
