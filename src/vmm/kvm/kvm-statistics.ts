import { readSync } from 'node:fs';
import { close, ioctl } from '../../host/libc.js';
import { KVM_GET_STATS_FD } from './constants.js';

/** Of struct kvm_stats_header and struct kvm_stats_desc (Documentation/virt/kvm/api.rst, 4.133). */
const HEADER_SIZE = 24;
const NAME_SIZE = 4;
const COUNT = 8;
const DESCRIPTORS_AT = 16;
const VALUES_AT = 20;
const DESCRIPTOR_SIZE = 16;
const DESCRIPTOR_VALUES = 6;
const DESCRIPTOR_VALUE_AT = 8;
/** Histograms have more; they are left out. */
const ONE_VALUE = 1;
const KIND_MASK = 0xf;
/** Sums that only grow: not those that tell the moment. */
const CUMULATIVE = 0;

/** How long a vCPU has slept in HLT: until it was woken, after polling in vain, and while polling. */
const HALTED = ['halt_wait_ns', 'halt_poll_success_ns', 'halt_poll_fail_ns'];

/** What KVM itself counts of a vCPU and is not 0: `exits`, `halt_exits`, `irq_injections`, … None where it is older than 5.14. */
export function readStatistics(vcpu: number): Map<string, number> {
  const statistics = KvmStatistics.open(vcpu);
  const values = new Map<string, number>();
  for (const [name, at] of statistics?.places ?? []) {
    const value = statistics!.read(at);
    if (value > 0) values.set(name, value);
  }
  statistics?.close();
  return values;
}

/** Reads the time that a vCPU has slept in HLT, whenever it is asked, from any thread. */
export class HaltedTime {
  private readonly places: readonly number[];

  private constructor(private readonly statistics: KvmStatistics) {
    this.places = HALTED.flatMap(name => statistics.places.get(name) ?? []);
  }

  /** @returns `undefined` where KVM does not count that: before 5.15 */
  static of(vcpu: number): HaltedTime | undefined {
    const statistics = KvmStatistics.open(vcpu);
    if (statistics?.places.has(HALTED[0])) return new HaltedTime(statistics);
    statistics?.close();
    return undefined;
  }

  /** In ns, since the vCPU was made. */
  get ns(): number {
    return this.places.reduce((sum, at) => sum + this.statistics.read(at), 0);
  }

  close(): void {
    this.statistics.close();
  }
}

/** The open statistics of a vCPU, and where in them each value is that counts up. */
class KvmStatistics {
  readonly places: ReadonlyMap<string, number>;
  private readonly value = new BigUint64Array(1);

  private constructor(private readonly fd: number) {
    const places = new Map<string, number>();
    const header = readView(fd, 0, HEADER_SIZE);
    const nameSize = header.getUint32(NAME_SIZE, true);
    const size = DESCRIPTOR_SIZE + nameSize;
    const descriptorsAt = header.getUint32(DESCRIPTORS_AT, true);
    const descriptors = readView(fd, descriptorsAt, size * header.getUint32(COUNT, true));
    for (let at = 0; at < descriptors.byteLength; at += size) {
      const kind = descriptors.getUint32(at, true) & KIND_MASK;
      if (kind !== CUMULATIVE || descriptors.getUint16(at + DESCRIPTOR_VALUES, true) !== ONE_VALUE) continue;
      places.set(
        nameAt(descriptors, at + DESCRIPTOR_SIZE, nameSize),
        header.getUint32(VALUES_AT, true) + descriptors.getUint32(at + DESCRIPTOR_VALUE_AT, true),
      );
    }
    this.places = places;
  }

  static open(vcpu: number): KvmStatistics | undefined {
    const fd = ioctl(vcpu, KVM_GET_STATS_FD, 0);
    return fd < 0 ? undefined : new KvmStatistics(fd);
  }

  read(at: number): number {
    readSync(this.fd, this.value, 0, this.value.byteLength, at);
    return Number(this.value[0]);
  }

  close(): void {
    close(this.fd);
  }
}

function nameAt(view: DataView, at: number, size: number): string {
  const bytes = new Uint8Array(view.buffer, view.byteOffset + at, size);
  const end = bytes.indexOf(0);
  return new TextDecoder().decode(bytes.subarray(0, end < 0 ? size : end));
}

function readView(fd: number, at: number, size: number): DataView {
  const bytes = new Uint8Array(size);
  const count = readSync(fd, bytes, 0, size, at);
  return new DataView(bytes.buffer, 0, count);
}
