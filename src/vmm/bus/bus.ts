import { BusConflictError, hex } from '../../errors.js';
import { allOnes, type AccessSize, type AddressSpace, type BusRange, type BusTarget } from '../device.js';

/** What a guest finds where nothing is. */
export interface UnclaimedAccess {
  readonly space: AddressSpace;
  readonly address: number;
  readonly direction: 'read' | 'write';
  count: number;
}

/** A range together with who claimed it. */
export interface Claim extends BusRange {
  readonly owner: string;
}

/** Distinct unclaimed addresses that are remembered; a guest that scans all addresses must not fill the host. */
const MAX_UNCLAIMED = 1024;

/**
 * One address space and the ranges that devices claimed in it. An access goes to the device that claims its
 * first byte; where nobody does, reads give all ones and writes vanish, and both are counted.
 */
export class Bus {
  private readonly claims: Claim[] = [];
  private readonly unclaimed = new Map<number, UnclaimedAccess>();
  /** The claim of the last access: most accesses go where the one before went. */
  private last: Claim | undefined;

  /** @param limit first address beyond the space */
  constructor(
    readonly space: AddressSpace,
    private readonly limit: number,
  ) {}

  /**
   * Claims `range` for `owner`.
   * @throws BusConflictError when it overlaps another claim or leaves the address space
   */
  claim(owner: string, range: BusRange): void {
    const { base, size } = range;
    if (!(
      Number.isInteger(base) &&
      Number.isInteger(size) &&
      base >= 0 &&
      size > 0 &&
      base + size <= this.limit
    )) {
      throw new BusConflictError(`${owner} claims ${this.space} ${hex(base)}, which is outside the bus`, {
        owner,
        base,
      });
    }
    const other = this.claims.find(claim => base < claim.base + claim.size && claim.base < base + size);
    if (other) {
      throw new BusConflictError(
        `${owner} claims ${this.space} ${hex(base)}+${hex(size)}, which ${other.owner} holds from ${hex(other.base)}+${hex(other.size)}`,
        { owner, other: other.owner, base, size },
      );
    }
    this.claims.push({ ...range, owner });
    this.claims.sort((a, b) => a.base - b.base);
    this.last = undefined;
  }

  /** True when `size` bytes from `base` are inside the space and nobody's. */
  isFree(base: number, size: number): boolean {
    if (base < 0 || base + size > this.limit) return false;
    return !this.claims.some(claim => base < claim.base + claim.size && claim.base < base + size);
  }

  /** Gives back a claim, by its base. */
  release(base: number): void {
    const index = this.claims.findIndex(claim => claim.base === base);
    if (index >= 0) this.claims.splice(index, 1);
    this.last = undefined;
  }

  /** Puts what `wrap` makes of them between the bus and the targets that `owner` has claimed so far. */
  interpose(owner: string, wrap: (target: BusTarget) => BusTarget): void {
    this.claims.forEach((claim, i) => {
      if (claim.owner === owner) this.claims[i] = { ...claim, target: wrap(claim.target) };
    });
    this.last = undefined;
  }

  read(address: number, size: AccessSize): number {
    const claim = this.at(address);
    if (claim === undefined) {
      this.miss(address, 'read');
      return allOnes(size);
    }
    return claim.target.read(address - claim.base, size);
  }

  write(address: number, size: AccessSize, value: number): void {
    const claim = this.at(address);
    if (claim === undefined) this.miss(address, 'write');
    else claim.target.write(address - claim.base, size, value);
  }

  /** The claim that covers `address`. */
  at(address: number): Claim | undefined {
    const last = this.last;
    if (last !== undefined && address >= last.base && address < last.base + last.size) return last;
    let from = 0;
    let to = this.claims.length - 1;
    while (from <= to) {
      const middle = (from + to) >> 1;
      const claim = this.claims[middle];
      if (address < claim.base) to = middle - 1;
      else if (address >= claim.base + claim.size) from = middle + 1;
      else return (this.last = claim);
    }
    return undefined;
  }

  /** Every claim, by address. */
  list(): readonly Claim[] {
    return this.claims;
  }

  /** Accesses that no device answered, in the order of their first occurrence. */
  misses(): readonly UnclaimedAccess[] {
    return [...this.unclaimed.values()];
  }

  private miss(address: number, direction: 'read' | 'write'): void {
    const key = address * 2 + (direction === 'write' ? 1 : 0);
    const entry = this.unclaimed.get(key);
    if (entry) entry.count++;
    else if (this.unclaimed.size < MAX_UNCLAIMED) {
      this.unclaimed.set(key, { space: this.space, address, direction, count: 1 });
    }
  }
}

/** The register at `address`, as the device calls it; where it has no names, the offset. */
export function registerOf({ target, base }: Claim, address: number, direction: 'read' | 'write'): string {
  return target.registerName?.(address - base, direction) ?? hex(address - base);
}
