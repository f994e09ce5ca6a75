import { gunzipSync } from 'node:zlib';
import { HarnessError } from './errors.js';
import { run } from './process.js';
import { requireTool } from './tools.js';

/**
 * Compressed formats by the bytes they begin with. The lz4 magic is that of its legacy frame, which is what the
 * kernel's build uses (lz4 Frame Format Description, "Legacy frame").
 */
const FORMATS = [
  { magic: [0x1f, 0x8b], expand: async (/** @type {Uint8Array} */ data) => gunzipSync(data) },
  { magic: [0x02, 0x21, 0x4c, 0x18], expand: filter('lz4', 'lz4') },
  { magic: [0x28, 0xb5, 0x2f, 0xfd], expand: filter('zstd', 'zstd') },
  { magic: [0xfd, 0x37, 0x7a, 0x58, 0x5a, 0x00], expand: filter('xz', 'xz-utils') },
];

/**
 * @param {string} tool a program that takes `-dc` and works from standard input to standard output
 * @param {string} debianPackage
 */
function filter(tool, debianPackage) {
  return (/** @type {Uint8Array} */ input) => run(requireTool(tool, debianPackage), ['-dc'], { input });
}

/**
 * Decompresses gzip, lz4, zstd or xz data, recognised by its first bytes.
 *
 * @param {Uint8Array} data
 * @returns {Promise<Buffer>}
 * @throws {HarnessError} for another format, a missing tool or damaged data
 */
export async function decompress(data) {
  const format = FORMATS.find(({ magic }) => magic.every((byte, i) => data[i] === byte));
  if (!format) {
    const start = Buffer.from(data.subarray(0, 6)).toString('hex');
    throw new HarnessError(`compressed in a format that this script does not know (it begins with ${start})`);
  }
  return format.expand(data);
}
