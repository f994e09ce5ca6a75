import type { ConfigSpace } from './config-space.js';
import { mastersBus } from './header.js';

/** MSI with 64-bit address and per-vector masking (PCI Local Bus 3.0, 6.8.1). */
const CAPABILITY_ID = 0x05;
const CAPABILITY_SIZE = 24;
const CONTROL = 2;
const ADDRESS = 4;
const UPPER_ADDRESS = 8;
const DATA = 12;
const MASK = 16;
const PENDING = 20;

const CONTROL_ENABLE = 1;
const CONTROL_MULTIPLE_CAPABLE_SHIFT = 1;
const CONTROL_MULTIPLE_ENABLE_SHIFT = 4;
const CONTROL_64BIT = 1 << 7;
const CONTROL_MASKING = 1 << 8;

/** The MSI capability of one function. All its state is configuration space. */
export class Msi {
  private readonly base: number;

  /** @param vectors 1, 2, 4, 8, 16 or 32 */
  constructor(
    private readonly vectors: number,
    private readonly config: ConfigSpace,
    private readonly send: (address: number, data: number) => void,
  ) {
    const capable = Math.log2(vectors) << CONTROL_MULTIPLE_CAPABLE_SHIFT;
    const all = vectors === 32 ? 0xffff_ffff : 2 ** vectors - 1;
    const onWrite = (): void => this.release();
    this.base = config.addCapability('MSI', CAPABILITY_ID, CAPABILITY_SIZE, () => [
      {
        name: 'MSI_CONTROL',
        offset: CONTROL,
        width: 2,
        value: capable | CONTROL_64BIT | CONTROL_MASKING,
        writable: CONTROL_ENABLE | (7 << CONTROL_MULTIPLE_ENABLE_SHIFT),
        onWrite,
      },
      { name: 'MSI_ADDRESS', offset: ADDRESS, width: 4, writable: 0xffff_fffc },
      { name: 'MSI_UPPER_ADDRESS', offset: UPPER_ADDRESS, width: 4, writable: 0xffff_ffff },
      { name: 'MSI_DATA', offset: DATA, width: 2, writable: 0xffff },
      { name: 'MSI_MASK', offset: MASK, width: 4, writable: all, onWrite },
      { name: 'MSI_PENDING', offset: PENDING, width: 4 },
    ]);
  }

  /** True when the driver uses MSI instead of INTx. */
  get enabled(): boolean {
    return (this.config.get(this.base + CONTROL, 2) & CONTROL_ENABLE) !== 0;
  }

  /** Sends the message of `vector`, now or when it is unmasked and the function may master the bus. */
  raise(vector: number): void {
    if (!this.enabled || vector >= this.vectors) return;
    const bit = 2 ** vector;
    if (!mastersBus(this.config) || this.config.get(this.base + MASK, 4) & bit) {
      this.config.set(this.base + PENDING, 4, (this.config.get(this.base + PENDING, 4) | bit) >>> 0);
    } else {
      this.deliver(vector);
    }
  }

  /** The command register has changed: messages are writes to memory (6.8), which it allows or forbids. */
  commandWritten(): void {
    this.release();
  }

  private release(): void {
    if (!this.enabled || !mastersBus(this.config)) return;
    const pending = this.config.get(this.base + PENDING, 4);
    const masked = this.config.get(this.base + MASK, 4);
    const free = pending & ~masked;
    if (free === 0) return;
    this.config.set(this.base + PENDING, 4, (pending & masked) >>> 0);
    for (let vector = 0; vector < this.vectors; vector++) if (free & (2 ** vector)) this.deliver(vector);
  }

  private deliver(vector: number): void {
    const { config, base } = this;
    // Local APICs are below 4 GiB: what lies elsewhere interrupts nobody.
    if (config.get(base + UPPER_ADDRESS, 4) !== 0) return;
    // The function changes as many low bits of the data as vectors were granted (6.8.1.6).
    const granted = Math.min(
      this.vectors,
      1 << ((config.get(base + CONTROL, 2) >> CONTROL_MULTIPLE_ENABLE_SHIFT) & 7),
    );
    const data = config.get(base + DATA, 2);
    this.send(config.get(base + ADDRESS, 4), (data & ~(granted - 1)) | (vector & (granted - 1)));
  }
}
