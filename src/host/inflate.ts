import { inflateRawSync } from 'node:zlib';
import type { Inflate } from '../block/qcow2/inflate.js';

/** By zlib. */
export const inflate: Inflate = (data, size) => inflateRawSync(data, { maxOutputLength: size });
