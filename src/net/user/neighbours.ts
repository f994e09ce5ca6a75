import type { IpAddress } from './addresses.js';
import type { MacAddress } from './ethernet.js';
import type { NetTimer, Timers } from './timers.js';

/** Guests on one cable, at most: there may be a hub between. */
const MAX_KNOWN = 1024;
const MAX_WANTED = 256;
/** Packets that wait for one guest's address. */
const MAX_WAITING = 256;
const RETRY_MS = 1000;
const MAX_TRIES = 5;

type Answer = (mac: MacAddress | undefined) => void;

interface Wanted {
  readonly address: IpAddress;
  readonly answers: Answer[];
  tries: number;
}

/** Which Ethernet address belongs to which of the guests' (ARP's table, and IPv6's neighbour cache). */
export class Neighbours {
  private readonly known = new Map<string, MacAddress>();
  private readonly wanted = new Map<string, Wanted>();
  private readonly timer: NetTimer;

  /** @param ask sends the question who has an address */
  constructor(
    timers: Timers,
    private readonly ask: (address: IpAddress) => void,
  ) {
    this.timer = timers.timer(() => this.retry());
  }

  learn(address: IpAddress, mac: MacAddress): void {
    const key = keyOf(address);
    // The one that was heard last is kept longest.
    this.known.delete(key);
    if (this.known.size >= MAX_KNOWN) this.known.delete(this.known.keys().next().value!);
    this.known.set(key, mac);
    const wanted = this.wanted.get(key);
    if (!wanted) return;
    this.wanted.delete(key);
    for (const answer of wanted.answers) answer(mac);
  }

  /** Calls `answer` once, at once where the address is known: with nothing when nobody has it. */
  resolve(address: IpAddress, answer: Answer): void {
    const key = keyOf(address);
    const mac = this.known.get(key);
    if (mac) {
      answer(mac);
      return;
    }
    const wanted = this.wanted.get(key);
    if (wanted) {
      if (wanted.answers.length < MAX_WAITING) wanted.answers.push(answer);
      else answer(undefined);
      return;
    }
    if (this.wanted.size >= MAX_WANTED) {
      answer(undefined);
      return;
    }
    this.wanted.set(key, { address, answers: [answer], tries: 1 });
    this.ask(address);
    if (!this.timer.armed) this.timer.arm(RETRY_MS);
  }

  private retry(): void {
    for (const [key, wanted] of this.wanted) {
      if (wanted.tries++ < MAX_TRIES) {
        this.ask(wanted.address);
      } else {
        this.wanted.delete(key);
        for (const answer of wanted.answers) answer(undefined);
      }
    }
    if (this.wanted.size > 0) this.timer.arm(RETRY_MS);
  }
}

function keyOf(address: IpAddress): string {
  return address.join('.');
}
