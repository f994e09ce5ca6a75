import { registerOf, type Bus, type Claim } from '../vmm/bus/bus.js';
import { DIRECTIONS, EXIT_REASONS, type ExitReason } from './format.js';
import { Header, MAX_SITES, SITE_WORDS, SiteWord, type RecordMemory } from './record-memory.js';

/** What an access means beyond being one; decided when its site is first seen. */
export const SiteRole = {
  NONE: 0,
  /** Where a driver writes the status of its virtio device. */
  VIRTIO_STATUS: 1,
  DEBUG_CONSOLE: 2,
  POST_CODE: 3,
} as const;

/** Sites by an access; most find theirs with one look. */
interface Cached {
  readonly address: number;
  readonly size: number;
  readonly write: boolean;
  readonly space: Bus['space'];
  readonly claim: Claim | undefined;
  readonly register: string;
  readonly site: number;
}
const CACHE_SIZE = 1024;

/** Of a name in the shared memory. */
type Place = readonly [at: number, size: number];

/** The site of what no register is reached by, by reason: the first ones of every recording. */
export function siteOfReason(reason: ExitReason): number {
  return EXIT_REASONS.indexOf(reason);
}

const READ = DIRECTIONS.indexOf('read');
const WRITE = DIRECTIONS.indexOf('write');

/** Gives each (reason, register, direction, size) its number, and writes down what it means. */
export class SiteTable {
  /** By site, a `SiteRole`. */
  readonly roles = new Uint8Array(MAX_SITES);
  private readonly cache: (Cached | undefined)[] = Array.from({ length: CACHE_SIZE }, () => undefined);
  private readonly sites = new Map<string, number>();
  private readonly names = new Map<string, Place>();
  private count = 0;
  private nameEnd = 0;

  /** @param onNew a site has come up for the first time */
  constructor(
    private readonly memory: RecordMemory,
    private readonly onNew: (device: string, register: string) => void,
  ) {
    for (const reason of EXIT_REASONS) this.define(reason, 0, 0, 0, '', '');
  }

  /** The site of an access, before it reaches its device: which register is there may depend on what was written before. */
  access(bus: Bus, write: boolean, address: number, size: number): number {
    const claim = bus.at(address);
    const register = claim === undefined ? '' : registerOf(claim, address, write ? 'write' : 'read');
    const slot = (address ^ (address >>> 10) ^ (write ? 512 : 0)) & (CACHE_SIZE - 1);
    const cached = this.cache[slot];
    if (
      cached !== undefined &&
      cached.address === address &&
      cached.register === register &&
      cached.size === size &&
      cached.write === write &&
      cached.claim === claim &&
      cached.space === bus.space
    ) {
      return cached.site;
    }
    const site = this.find(bus.space === 'port' ? 'pio' : 'mmio', write, address, size, claim, register);
    this.cache[slot] = { address, size, write, space: bus.space, claim, register, site };
    return site;
  }

  /** The site of the end of interrupt `vector`. */
  eoi(vector: number): number {
    return this.lookUp('eoi', 0, vector, 0, 'ioapic', 'EOI');
  }

  /** A name by its place. */
  textAt(at: number, size: number): string {
    return new TextDecoder().decode(this.memory.names.slice(at, at + size));
  }

  private find(
    reason: ExitReason,
    write: boolean,
    address: number,
    size: number,
    claim: Claim | undefined,
    register: string,
  ): number {
    return this.lookUp(reason, write ? WRITE : READ, address, size, claim?.owner ?? '', register);
  }

  private lookUp(
    reason: ExitReason,
    direction: number,
    address: number,
    size: number,
    device: string,
    register: string,
  ): number {
    const key = `${reason} ${direction} ${size} ${address} ${device} ${register}`;
    const known = this.sites.get(key);
    if (known !== undefined) return known;
    if (this.count >= MAX_SITES) return siteOfReason(reason);
    const site = this.define(reason, direction, size, address, device, register);
    this.sites.set(key, site);
    this.roles[site] = direction === WRITE ? roleOf(device, register) : SiteRole.NONE;
    this.onNew(device, register);
    return site;
  }

  private define(
    reason: ExitReason,
    direction: number,
    size: number,
    address: number,
    device: string,
    register: string,
  ): number {
    const { sites, header } = this.memory;
    const at = this.count * SITE_WORDS;
    const [deviceAt, deviceSize] = this.nameOf(device);
    const [registerAt, registerSize] = this.nameOf(register);
    sites[at + SiteWord.KIND] = EXIT_REASONS.indexOf(reason) | (direction << 8) | (size << 16);
    sites[at + SiteWord.ADDRESS_LOW] = address | 0;
    sites[at + SiteWord.ADDRESS_HIGH] = Math.floor(address / 2 ** 32);
    sites[at + SiteWord.DEVICE_AT] = deviceAt;
    sites[at + SiteWord.DEVICE_SIZE] = deviceSize;
    sites[at + SiteWord.REGISTER_AT] = registerAt;
    sites[at + SiteWord.REGISTER_SIZE] = registerSize;
    Atomics.store(header, Header.SITES, this.count + 1);
    return this.count++;
  }

  /** Where a name lies in the shared memory; once that is full, where none does. */
  nameOf(name: string): Place {
    if (name === '') return NO_NAME;
    const known = this.names.get(name);
    if (known !== undefined) return known;
    const bytes = new TextEncoder().encode(name);
    if (this.nameEnd + bytes.length > this.memory.names.length) return NO_NAME;
    const place = [this.nameEnd, bytes.length] as const;
    this.memory.names.set(bytes, this.nameEnd);
    this.nameEnd += bytes.length;
    this.names.set(name, place);
    return place;
  }
}

const NO_NAME = [0, 0] as const;

function roleOf(device: string, register: string): number {
  if (register === 'device_status' || (register === 'Status' && device.startsWith('virtio')))
    return SiteRole.VIRTIO_STATUS;
  if (device === 'debug-console') return SiteRole.DEBUG_CONSOLE;
  return device === 'post-code' ? SiteRole.POST_CODE : SiteRole.NONE;
}
