import * as L from './core/layout.js';

/**
 * The fields of one vCPU's state in the shared memory, wherever it lies at the moment: in place while it is its turn,
 * else in its own area.
 */
export class VcpuFields {
  constructor(
    private readonly view: DataView,
    readonly index: number,
  ) {}

  private at(field: number): number {
    if (this.view.getUint32(L.CURRENT_VCPU, true) === this.index) return field;
    return L.VCPU_AREA + this.index * L.VCPU_STRIDE + field - L.STATE;
  }

  get8(field: number): number {
    return this.view.getUint8(this.at(field));
  }
  get16(field: number): number {
    return this.view.getUint16(this.at(field), true);
  }
  get32(field: number): number {
    return this.view.getUint32(this.at(field), true);
  }
  get64(field: number): bigint {
    return this.view.getBigUint64(this.at(field), true);
  }
  set8(field: number, value: number): void {
    this.view.setUint8(this.at(field), value);
  }
  set16(field: number, value: number): void {
    this.view.setUint16(this.at(field), value, true);
  }
  set32(field: number, value: number): void {
    this.view.setUint32(this.at(field), value, true);
  }
  set64(field: number, value: bigint): void {
    this.view.setBigUint64(this.at(field), value, true);
  }
  /** The bytes from one field to another. */
  bytes(from: number, to: number): Uint8Array {
    return new Uint8Array(this.view.buffer, this.at(from), to - from);
  }
  clear(): void {
    const from = this.at(L.STATE);
    new Uint8Array(this.view.buffer, from, L.STATE_SIZE).fill(0);
  }
}
