import { copyOf } from './bytes.js';
import { sameBytes, type IpAddress } from './addresses.js';
import type { MacAddress } from './ethernet.js';

/** Addresses that are given away, at most. */
const POOL = 128;
/** For how long an offer keeps an address, in ms. */
const OFFER_MS = 60_000;
/** For how long an address is left alone that a client has found in use, in ms. */
const DECLINED_MS = 600_000;

interface Lease {
  readonly address: IpAddress;
  /** Whose it is; `undefined`: nobody's, but in use. */
  readonly client: string | undefined;
  until: number;
}

/** Who has which address, and for how long. */
export class DhcpLeases {
  private readonly leases: Lease[] = [];

  /**
   * @param addressAt the address that is `offset` behind the first one
   * @param reserved whether an address is not to be given away
   * @param now milliseconds
   */
  constructor(
    private readonly addressAt: (offset: number) => IpAddress,
    private readonly reserved: (address: IpAddress) => boolean,
    private readonly now: () => number,
    private readonly leaseMs: number,
  ) {}

  /** The address to offer: the client's own, the one that it would like, or one that is free. None: `undefined`. */
  offer(mac: MacAddress, wanted: IpAddress | undefined): IpAddress | undefined {
    const client = mac.join(':');
    this.forget();
    const own = this.leases.find(lease => lease.client === client);
    if (own) return own.address;
    const address = wanted && this.isFree(wanted) ? wanted : this.firstFree();
    if (address) this.leases.push({ address, client, until: this.now() + OFFER_MS });
    return address;
  }

  /** Gives an address to a client. @returns false when it is another's, or none of this network's */
  take(mac: MacAddress, address: IpAddress): boolean {
    const client = mac.join(':');
    this.forget();
    const lease = this.leases.find(candidate => sameBytes(candidate.address, address));
    if (lease && lease.client !== client) return false;
    if (!lease && !this.isFree(address)) return false;
    this.drop(client);
    this.leases.push({ address: copyOf(address), client, until: this.now() + this.leaseMs });
    return true;
  }

  release(mac: MacAddress): void {
    this.drop(mac.join(':'));
  }

  /** Somebody else uses the address. */
  decline(mac: MacAddress, address: IpAddress): void {
    const client = mac.join(':');
    if (!this.leases.some(lease => lease.client === client && sameBytes(lease.address, address))) return;
    this.drop(client);
    this.leases.push({ address, client: undefined, until: this.now() + DECLINED_MS });
  }

  private isFree(address: IpAddress): boolean {
    if (this.reserved(address) || this.leases.some(lease => sameBytes(lease.address, address))) return false;
    for (let offset = 0; offset < POOL; offset++) {
      if (sameBytes(this.addressAt(offset), address)) return true;
    }
    return false;
  }

  private firstFree(): IpAddress | undefined {
    for (let offset = 0; offset < POOL; offset++) {
      const address = this.addressAt(offset);
      if (this.isFree(address)) return address;
    }
    return undefined;
  }

  private forget(): void {
    const now = this.now();
    this.keep(lease => lease.until > now);
  }

  private drop(client: string): void {
    this.keep(lease => lease.client !== client);
  }

  private keep(wanted: (lease: Lease) => boolean): void {
    const kept = this.leases.filter(wanted);
    this.leases.splice(0, Infinity, ...kept);
  }
}
