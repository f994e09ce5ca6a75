import type { AccessSize, BusTarget, DeviceState } from '../../vmm/device.js';
import type { ConfigSpace } from './config-space.js';
import { mastersBus } from './header.js';

/** MSI-X (PCI Local Bus 3.0, 6.8.2). */
const CAPABILITY_ID = 0x11;
const CAPABILITY_SIZE = 12;
const CONTROL = 2;
const CONTROL_ENABLE = 1 << 15;
const CONTROL_FUNCTION_MASK = 1 << 14;

/** 32-bit words of a table entry (6.8.2.7 to 6.8.2.9). */
const ENTRY_WORDS = 4;
const ADDRESS = 0;
const DATA = 2;
const VECTOR_CONTROL = 3;
const VECTOR_MASKED = 1;

const ENTRY_SIZE = 16;
/** The pending bits follow the table, on a boundary of their own. */
const PBA_ALIGNMENT = 0x800;

type MsixState = { readonly table: readonly number[]; readonly pending: readonly number[] };

/** The MSI-X capability of one function, its table and its pending bits. */
export class Msix {
  /** Bytes of the range that holds table and pending bits, a power of two. */
  readonly size: number;
  /** That range, for a base address register. */
  readonly target: BusTarget;
  private readonly table: Uint32Array;
  private readonly pending: Uint32Array;
  private readonly pbaOffset: number;
  private control = 0;

  /**
   * @param vectors entries of the table, 1 to 2048
   * @param send delivers a message: writes `data` to `address`
   */
  constructor(
    readonly vectors: number,
    private readonly config: ConfigSpace,
    bar: number,
    private readonly send: (address: number, data: number) => void,
  ) {
    this.table = new Uint32Array(vectors * ENTRY_WORDS);
    this.pending = new Uint32Array(Math.ceil(vectors / 64) * 2);
    this.pbaOffset = Math.ceil((vectors * ENTRY_SIZE) / PBA_ALIGNMENT) * PBA_ALIGNMENT;
    const bytes = this.pbaOffset + this.pending.byteLength;
    this.size = Math.max(0x1000, 2 ** Math.ceil(Math.log2(bytes)));
    this.target = {
      read: (offset, size) => this.read(offset, size),
      write: (offset, size, value) => this.write(offset, size, value),
      registerName: offset => this.nameAt(offset),
    };
    const base = config.addCapability('MSIX', CAPABILITY_ID, CAPABILITY_SIZE, () => [
      {
        name: 'MSIX_CONTROL',
        offset: CONTROL,
        width: 2,
        value: vectors - 1,
        writable: CONTROL_ENABLE | CONTROL_FUNCTION_MASK,
        onWrite: () => this.update(),
      },
      { name: 'MSIX_TABLE', offset: 4, width: 4, value: bar },
      { name: 'MSIX_PBA', offset: 8, width: 4, value: this.pbaOffset | bar },
    ]);
    this.controlOffset = base + CONTROL;
    this.reset();
  }

  private readonly controlOffset: number;

  /** True when the driver uses MSI-X instead of INTx. */
  get enabled(): boolean {
    return (this.control & CONTROL_ENABLE) !== 0;
  }

  /**
   * Sends the message of `vector`, now or when it is unmasked and the function may master the bus. Vectors that do not
   * exist send nothing.
   */
  raise(vector: number): void {
    if (!this.enabled || vector >= this.vectors) return;
    if (this.heldBack(vector)) this.setPending(vector, true);
    else this.deliver(vector);
  }

  /** The command register has changed: messages are writes to memory (6.8), which it allows or forbids. */
  commandWritten(): void {
    this.releaseAll();
  }

  reset(): void {
    this.table.fill(0);
    for (let vector = 0; vector < this.vectors; vector++) {
      this.table[vector * ENTRY_WORDS + VECTOR_CONTROL] = VECTOR_MASKED;
    }
    this.pending.fill(0);
    this.control = this.config.get(this.controlOffset, 2);
  }

  save(): DeviceState {
    return { table: Array.from(this.table), pending: Array.from(this.pending) } satisfies MsixState;
  }

  /** Its control register is part of the configuration space, which is loaded first. */
  load(state: DeviceState): void {
    const { table, pending } = state as MsixState;
    this.table.set(table);
    this.pending.set(pending);
    this.control = this.config.get(this.controlOffset, 2);
  }

  private update(): void {
    this.control = this.config.get(this.controlOffset, 2);
    this.releaseAll();
  }

  private releaseAll(): void {
    for (let vector = 0; vector < this.vectors; vector++) this.release(vector);
  }

  private heldBack(vector: number): boolean {
    return (
      !mastersBus(this.config) ||
      (this.control & CONTROL_FUNCTION_MASK) !== 0 ||
      (this.table[vector * ENTRY_WORDS + VECTOR_CONTROL] & VECTOR_MASKED) !== 0
    );
  }

  /** Sends what is pending of a vector when nothing holds it back any more. */
  private release(vector: number): void {
    if (!this.enabled || !this.isPending(vector) || this.heldBack(vector)) return;
    this.setPending(vector, false);
    this.deliver(vector);
  }

  private deliver(vector: number): void {
    const at = vector * ENTRY_WORDS;
    // Local APICs are below 4 GiB: what lies elsewhere interrupts nobody.
    if (this.table[at + ADDRESS + 1] === 0) this.send(this.table[at + ADDRESS], this.table[at + DATA]);
  }

  private isPending(vector: number): boolean {
    return (this.pending[vector >>> 5] & (1 << (vector & 31))) !== 0;
  }

  private setPending(vector: number, on: boolean): void {
    const bit = 1 << (vector & 31);
    if (on) this.pending[vector >>> 5] |= bit;
    else this.pending[vector >>> 5] &= ~bit;
  }

  /** Table and pending bits are accessed in aligned 4 or 8 bytes; anything else is undefined (6.8.2) and reads as 0. */
  private read(offset: number, size: AccessSize): number {
    if (size !== 4 || offset % 4 !== 0) return 0;
    if (offset < this.table.byteLength) return this.table[offset / 4];
    return this.pending[(offset - this.pbaOffset) / 4] ?? 0;
  }

  private write(offset: number, size: AccessSize, value: number): void {
    if (size !== 4 || offset % 4 !== 0 || offset >= this.table.byteLength) return;
    const word = offset / 4;
    const control = word % ENTRY_WORDS === VECTOR_CONTROL;
    this.table[word] = control ? value & VECTOR_MASKED : word % ENTRY_WORDS === ADDRESS ? value & ~3 : value;
    if (control) this.release(Math.floor(word / ENTRY_WORDS));
  }

  private nameAt(offset: number): string {
    if (offset >= this.pbaOffset) return `MSIX_PENDING+${offset - this.pbaOffset}`;
    const names = ['ADDRESS', 'UPPER_ADDRESS', 'DATA', 'VECTOR_CONTROL'];
    return `MSIX_VECTOR${Math.floor(offset / ENTRY_SIZE)}_${names[(offset % ENTRY_SIZE) >> 2]}`;
  }
}
