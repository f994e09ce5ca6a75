import { ByteReader } from './byte-reader.js';
import { ByteWriter } from './byte-writer.js';
import { crc32 } from './crc32.js';
import type { ChunkTag } from './format.js';

/** A piece of a file: its tag, the length of its payload (u32), the payload, and the CRC-32 of all that (u32). */
export interface RawChunk {
  readonly tag: string;
  readonly payload: Uint8Array;
  /** Where it begins. */
  readonly at: number;
}

/** Why there are no further chunks, when that is not the end of the file. */
export interface BrokenChunk {
  /** `cut off`: its bytes end too early; `damaged`: they are not those that were written. */
  readonly broken: 'cut off' | 'damaged';
  readonly at: number;
}

const TAG_SIZE = 4;
const HEADER_SIZE = TAG_SIZE + 4;
const CHECKSUM_SIZE = 4;

export function chunkBytes(tag: ChunkTag, payload: Uint8Array): Uint8Array {
  const bytes = new ByteWriter()
    .raw(new TextEncoder().encode(tag))
    .u32(payload.length)
    .raw(payload)
    .u32(0)
    .take();
  const end = bytes.length - CHECKSUM_SIZE;
  new DataView(bytes.buffer).setUint32(end, crc32(bytes.subarray(0, end)), true);
  return bytes;
}

/** The chunks of a file from `start` on: those that are whole, then the first that is not. */
export function* readChunks(bytes: Uint8Array, start: number): Generator<RawChunk | BrokenChunk> {
  const reader = new ByteReader(bytes.subarray(start));
  while (!reader.atEnd) {
    const at = bytes.length - reader.rest;
    const chunk = readChunk(bytes, at, reader);
    yield chunk;
    if ('broken' in chunk) return;
  }
}

function readChunk(bytes: Uint8Array, at: number, reader: ByteReader): RawChunk | BrokenChunk {
  if (reader.rest < HEADER_SIZE) return { broken: 'cut off', at };
  const tag = new TextDecoder().decode(reader.raw(TAG_SIZE));
  const size = reader.u32();
  if (size + CHECKSUM_SIZE > reader.rest) return { broken: 'cut off', at };
  const payload = reader.raw(size);
  const checked = bytes.subarray(at, at + HEADER_SIZE + size);
  return crc32(checked) === reader.u32() ? { tag, payload, at } : { broken: 'damaged', at };
}
