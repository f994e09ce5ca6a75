import { OsvObjectList } from '../symbols/osv-objects.js';
import type { GuestMemory } from '../../vmm/memory/guest-memory.js';
import type { PagingRegisters } from '../../vmm/memory/translate.js';
import { unwindRules, type UnwindData, type UnwindRules } from './unwind-rules.js';

/** What is known of a shared object or a program that is loaded wherever there is room. */
export interface ObjectUnwind {
  /** Of its file, without folders: the guest has it under the same one. */
  readonly name: string;
  /** Bytes of address space from its ELF header on. */
  readonly size: number;
  readonly unwind: readonly UnwindData[];
}

/** How often the list of what is loaded is read anew: a guest could change it for ever. */
const MOST_READINGS = 1024;

interface Loaded {
  readonly base: bigint;
  readonly size: bigint;
  readonly rules: readonly UnwindRules[];
}

/** The rules of objects that OSv has loaded, at where they are now. */
export class LoadedRules implements UnwindRules {
  rows: Int32Array = new Int32Array(0);
  /** Of the vCPU whose stack is walked. */
  system: PagingRegisters | undefined;
  private readonly list: OsvObjectList;
  private readonly rules: ReadonlyMap<
    string,
    { readonly size: bigint; readonly rules: readonly UnwindRules[] }
  >;
  private loaded: readonly Loaded[] = [];
  private readings = 0;

  /** @param objectList where the kernel keeps what it has loaded */
  constructor(memory: GuestMemory, objectList: bigint, objects: readonly ObjectUnwind[]) {
    this.list = new OsvObjectList(memory, objectList);
    this.rules = new Map(
      objects.map(({ name, size, unwind }) => [name, { size: BigInt(size), rules: unwind.map(unwindRules) }]),
    );
  }

  find(address: bigint): number {
    this.follow();
    for (const { base, size, rules } of this.loaded) {
      if (address < base || address - base >= size) continue;
      for (const candidate of rules) {
        const at = candidate.find(address - base);
        if (at < 0) continue;
        this.rows = candidate.rows;
        return at;
      }
    }
    return -1;
  }

  private follow(): void {
    if (!this.system || this.readings >= MOST_READINGS) return;
    const places = this.list.changed(this.system);
    if (!places) return;
    this.readings++;
    this.loaded = places.flatMap(({ path, base }) => {
      const known = this.rules.get(path.slice(path.lastIndexOf('/') + 1));
      return known ? { base, ...known } : [];
    });
  }
}
