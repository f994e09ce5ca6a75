import { copyOf } from './bytes.js';
import { domainNameLength, writeDomainName } from './domain-name.js';

/** Options by their numbers (RFC 2132; 119: RFC 3397). */
export const OPTION = {
  pad: 0,
  subnetMask: 1,
  router: 3,
  nameserver: 6,
  hostname: 12,
  domainName: 15,
  mtu: 26,
  broadcastAddress: 28,
  requestedAddress: 50,
  leaseTime: 51,
  messageType: 53,
  serverIdentifier: 54,
  renewalTime: 58,
  rebindingTime: 59,
  searchList: 119,
  end: 255,
} as const;

/** What a message says, by option; of one that comes twice the parts are joined (RFC 3396). */
export type DhcpOptions = ReadonlyMap<number, Uint8Array>;

/** Longest value of one option. */
const MAX_VALUE = 255;

/** The options between `start` and `end`; what is cut short ends them. */
export function readOptions(bytes: Uint8Array, start: number, end: number): DhcpOptions {
  const options = new Map<number, Uint8Array>();
  for (let at = start; at < end;) {
    const code = bytes[at++];
    if (code === OPTION.pad) continue;
    if (code === OPTION.end || at >= end) break;
    const length = bytes[at++];
    if (at + length > end) break;
    const before = options.get(code);
    const value = copyOf(bytes, at, at + length);
    options.set(code, before ? Uint8Array.of(...before, ...value) : value);
    at += length;
  }
  return options;
}

/** Writes options one after the other. */
export class OptionWriter {
  constructor(
    private readonly target: Uint8Array,
    private at: number,
  ) {}

  bytes(code: number, value: ArrayLike<number>): this {
    this.target[this.at] = code;
    this.target[this.at + 1] = value.length;
    this.target.set(value, this.at + 2);
    this.at += 2 + value.length;
    return this;
  }

  seconds(code: number, value: number): this {
    return this.bytes(code, [value >>> 24, (value >> 16) & 0xff, (value >> 8) & 0xff, value & 0xff]);
  }

  text(code: number, value: string): this {
    return this.bytes(
      code,
      Uint8Array.from(value, letter => letter.charCodeAt(0)),
    );
  }

  /** As many domain names as fit. */
  names(code: number, names: readonly string[]): this {
    const value = new Uint8Array(MAX_VALUE);
    let length = 0;
    for (const name of names) {
      if (length + domainNameLength(name) > MAX_VALUE) break;
      length = writeDomainName(value, length, name);
    }
    return length > 0 ? this.bytes(code, value.subarray(0, length)) : this;
  }

  /** Ends the options; returns where that is. */
  end(): number {
    this.target[this.at++] = OPTION.end;
    return this.at;
  }
}
