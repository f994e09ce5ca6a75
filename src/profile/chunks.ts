import { ByteReader } from './byte-reader.js';
import { ByteWriter } from './byte-writer.js';
import type { ChunkTag } from './format.js';

/** A piece of a file: its tag, the length of its payload (u32), and the payload. */
export interface RawChunk {
  readonly tag: string;
  readonly payload: Uint8Array;
}

const TAG_SIZE = 4;
const HEADER_SIZE = TAG_SIZE + 4;

export function chunkBytes(tag: ChunkTag, payload: Uint8Array): Uint8Array {
  return new ByteWriter().raw(new TextEncoder().encode(tag)).u32(payload.length).raw(payload).take();
}

/** The chunks of a file, as far as they are whole. */
export function* readChunks(bytes: Uint8Array): Generator<RawChunk> {
  const reader = new ByteReader(bytes);
  while (reader.rest >= HEADER_SIZE) {
    const tag = new TextDecoder().decode(reader.raw(TAG_SIZE));
    const size = reader.u32();
    if (size > reader.rest) return;
    yield { tag, payload: reader.raw(size) };
  }
}
