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

/** What KVM itself counts of a vCPU and is not 0: `exits`, `halt_exits`, `irq_injections`, … None where it is older than 5.14. */
export function readStatistics(vcpu: number): Map<string, number> {
  const values = new Map<string, number>();
  const fd = ioctl(vcpu, KVM_GET_STATS_FD, 0);
  if (fd < 0) return values;
  try {
    const header = read(fd, 0, HEADER_SIZE);
    const nameSize = header.getUint32(NAME_SIZE, true);
    const size = DESCRIPTOR_SIZE + nameSize;
    const descriptors = read(
      fd,
      header.getUint32(DESCRIPTORS_AT, true),
      size * header.getUint32(COUNT, true),
    );
    for (let at = 0; at < descriptors.byteLength; at += size) {
      const kind = descriptors.getUint32(at, true) & KIND_MASK;
      if (kind !== CUMULATIVE || descriptors.getUint16(at + DESCRIPTOR_VALUES, true) !== ONE_VALUE) continue;
      const valueAt =
        header.getUint32(VALUES_AT, true) + descriptors.getUint32(at + DESCRIPTOR_VALUE_AT, true);
      const value = Number(read(fd, valueAt, 8).getBigUint64(0, true));
      if (value > 0) values.set(nameAt(descriptors, at + DESCRIPTOR_SIZE, nameSize), value);
    }
  } finally {
    close(fd);
  }
  return values;
}

function nameAt(view: DataView, at: number, size: number): string {
  const bytes = new Uint8Array(view.buffer, view.byteOffset + at, size);
  const end = bytes.indexOf(0);
  return new TextDecoder().decode(bytes.subarray(0, end < 0 ? size : end));
}

function read(fd: number, at: number, size: number): DataView {
  const bytes = new Uint8Array(size);
  const count = readSync(fd, bytes, 0, size, at);
  return new DataView(bytes.buffer, 0, count);
}
