import { BUCKETS, bucketOf } from './histogram.js';
import {
  Header,
  MAX_REQUESTS,
  REQUEST_SUMS,
  REQUEST_WORDS,
  RequestSum,
  RequestWord,
  type RecordMemory,
} from './record-memory.js';

/** Where a name lies in the shared memory, and which row of the table is its; −1 when that is full. */
export interface RequestKind {
  readonly nameAt: number;
  readonly nameSize: number;
  readonly index: number;
}

/** Kinds of requests by device, and what is counted for each. */
export class RequestTable {
  private readonly kinds = new Map<string, Map<string, RequestKind>>();
  private count = 0;

  /** @param nameOf writes a name down */
  constructor(
    private readonly memory: RecordMemory,
    private readonly nameOf: (name: string) => readonly [at: number, size: number],
  ) {}

  kind(device: string, what: string): RequestKind {
    let kinds = this.kinds.get(device);
    if (!kinds) this.kinds.set(device, (kinds = new Map<string, RequestKind>()));
    let kind = kinds.get(what);
    if (!kind) kinds.set(what, (kind = this.define(`${device} ${what}`)));
    return kind;
  }

  /** Counts a request that is served. */
  add({ index }: RequestKind, ns: number, bytes: number): void {
    if (index < 0) return;
    const { requestSums, requestHistograms } = this.memory;
    const at = index * REQUEST_SUMS;
    requestSums[at + RequestSum.COUNT]++;
    requestSums[at + RequestSum.TIME] += ns;
    if (ns > requestSums[at + RequestSum.MAX]) requestSums[at + RequestSum.MAX] = ns;
    requestSums[at + RequestSum.BYTES] += bytes;
    requestHistograms[index * BUCKETS + bucketOf(ns)]++;
  }

  private define(name: string): RequestKind {
    const [nameAt, nameSize] = this.nameOf(name);
    if (this.count >= MAX_REQUESTS) return { nameAt, nameSize, index: -1 };
    const index = this.count++;
    const { requests, header } = this.memory;
    requests[index * REQUEST_WORDS + RequestWord.NAME_AT] = nameAt;
    requests[index * REQUEST_WORDS + RequestWord.NAME_SIZE] = nameSize;
    Atomics.store(header, Header.REQUESTS, this.count);
    return { nameAt, nameSize, index };
  }
}
