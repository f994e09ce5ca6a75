import { isLoopback, parseIp, type IpAddress } from './addresses.js';
import { copyOf, read16 } from './bytes.js';
import {
  DNS_HEADER,
  readQuestion,
  RECORD,
  RESPONSE,
  writeAddresses,
  writeFailure,
  type DnsQuestion,
} from './dns-message.js';
import type { Endpoint, HostDatagram } from './host.js';
import type { Network } from './network.js';
import type { NetTimer } from './timers.js';

/** Queries that wait for an answer, at most; the oldest makes room. */
const MAX_QUERIES = 512;
/** How long a name server is waited for before the next one is asked. */
const PATIENCE_MS = 2000;
/** How often all of them are asked. */
const ROUNDS = 2;

/** Names that mean the machine that asks (RFC 6761, 6.3). */
const LOCALHOST = /^(.*\.)?localhost$/;

interface Query {
  readonly message: Uint8Array;
  readonly answer: (message: Uint8Array) => void;
  /** Who is to be asked, one after the other. */
  readonly servers: readonly Endpoint[];
  asked: number;
  socket?: HostDatagram;
  readonly timer: NetTimer;
}

/**
 * The name server of a user network. What the host's own table of names has it answers; for everything else it asks
 * the host's name servers.
 */
export class DnsProxy {
  private readonly queries = new Set<Query>();

  constructor(private readonly network: Network) {}

  /** @param answer called once at most, now or later */
  ask(message: Uint8Array, answer: (message: Uint8Array) => void): void {
    if (message.length < DNS_HEADER || (message[2] & 0x80) !== 0) return;
    const question = readQuestion(message);
    const own = question && this.localAnswer(question);
    if (own) answer(writeAddresses(message, question, own));
    else this.forward(message, answer);
  }

  close(): void {
    for (const query of this.queries) this.finish(query);
  }

  /** The addresses that a name has here; `undefined` when others have to be asked. */
  private localAnswer({ name, type }: DnsQuestion): IpAddress[] | undefined {
    const isWanted = (address: IpAddress): boolean =>
      type === RECORD.any || type === (address.length === 4 ? RECORD.a : RECORD.aaaa);
    if (LOCALHOST.test(name)) return [parseIp('127.0.0.1')!, parseIp('::1')!].filter(isWanted);
    if (type !== RECORD.a && type !== RECORD.aaaa && type !== RECORD.any) return undefined;
    const known = this.network.host.addressesOf(name);
    if (known.length === 0) return undefined;
    const addresses = known.map(text => this.seenByGuest(text)).filter(address => address !== undefined);
    return addresses.filter(isWanted);
  }

  /** The host's names for itself lead to the gateway, behind which it is. */
  private seenByGuest(text: string): IpAddress | undefined {
    const address = parseIp(text);
    if (!address || !isLoopback(address)) return address;
    return this.network.routes.gateway(address.length === 4 ? 4 : 6);
  }

  private forward(message: Uint8Array, answer: (message: Uint8Array) => void): void {
    const servers = this.network.host.nameservers();
    if (this.queries.size >= MAX_QUERIES) this.finish(this.queries.values().next().value!);
    const query: Query = {
      message: copyOf(message),
      answer,
      servers: Array.from({ length: ROUNDS }, () => servers).flat(),
      asked: 0,
      timer: this.network.timers.timer(() => this.askNext(query)),
    };
    this.queries.add(query);
    this.askNext(query);
  }

  private askNext(query: Query): void {
    query.socket?.close();
    delete query.socket;
    const server = query.servers[query.asked++];
    if (!server) {
      this.finish(query);
      query.answer(writeFailure(query.message, RESPONSE.serverFailure));
      return;
    }
    query.timer.arm(PATIENCE_MS);
    query.socket = this.network.host.connectUdp(server, {
      message: message => {
        if (message.length < DNS_HEADER || read16(message, 0) !== read16(query.message, 0)) return;
        this.finish(query);
        query.answer(message);
      },
      failed: () => this.askNext(query),
    });
    query.socket.send(query.message, server);
  }

  private finish(query: Query): void {
    query.timer.disarm();
    query.socket?.close();
    this.queries.delete(query);
  }
}
