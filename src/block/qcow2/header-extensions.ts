import { viewOf } from './big-endian.js';

/** Header extension types (qcow2 specification, "Header extensions"). */
const Extension = { END: 0, BACKING_FORMAT: 0xe279_2aca, FEATURE_NAMES: 0x6803_f857 } as const;

/** An entry of the feature name table: kind, bit, name. */
const FEATURE_NAME_SIZE = 48;
const INCOMPATIBLE_KIND = 0;

export interface HeaderExtensions {
  /** What the backing file is, as it is written there: `raw`, `qcow2`, … */
  readonly backingFormat: string | undefined;
  /** Names that the image's maker has for incompatible feature bits. */
  readonly featureNames: ReadonlyMap<number, string>;
}

/** Reads what follows the header proper in the first cluster. Extensions that are not known are passed over. */
export function readExtensions(
  cluster: Uint8Array,
  headerLength: number,
  refuse: (why: string) => never,
): HeaderExtensions {
  const view = viewOf(cluster);
  let backingFormat: string | undefined;
  const featureNames = new Map<number, string>();
  for (let at = headerLength; at + 8 <= cluster.length;) {
    const type = view.getUint32(at);
    if (type === Extension.END) break;
    const length = view.getUint32(at + 4);
    const data = cluster.subarray(at + 8, at + 8 + length);
    if (data.length < length) refuse('a header extension does not end');
    if (type === Extension.BACKING_FORMAT) backingFormat = text(data);
    else if (type === Extension.FEATURE_NAMES) readFeatureNames(data, featureNames);
    at += 8 + Math.ceil(length / 8) * 8;
  }
  return { backingFormat, featureNames };
}

function readFeatureNames(table: Uint8Array, names: Map<number, string>): void {
  for (let at = 0; at + FEATURE_NAME_SIZE <= table.length; at += FEATURE_NAME_SIZE) {
    if (table[at] === INCOMPATIBLE_KIND) {
      names.set(table[at + 1], text(table.subarray(at + 2, at + FEATURE_NAME_SIZE)));
    }
  }
}

/** Up to a NUL. What is not printable does not belong into messages. */
function text(bytes: Uint8Array): string {
  const end = bytes.indexOf(0);
  const all = new TextDecoder().decode(end < 0 ? bytes : bytes.subarray(0, end));
  return all.replace(/[^\x20-\x7e]/g, '?');
}
