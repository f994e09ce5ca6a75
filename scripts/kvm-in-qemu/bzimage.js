import { decompress } from './decompress.js';
import { HarnessError } from './errors.js';

/** Fields of the setup header (Linux, Documentation/x86/boot.rst, "Details of Header Fields"), as file offsets. */
const SETUP_SECTS = 0x1f1;
const HEADER_MAGIC = 0x202;
const VERSION = 0x206;
const PAYLOAD_OFFSET = 0x248;
const PAYLOAD_LENGTH = 0x24c;
/** The protocol version that introduced `payload_offset` and `payload_length`. */
const PAYLOAD_SINCE = 0x0208;
const SECTOR = 512;
const ELF_MAGIC = Buffer.from('\x7fELF', 'latin1');

/**
 * Extracts the kernel proper, an ELF file, from a bzImage.
 *
 * @param {Buffer} image the bzImage
 * @returns {Promise<Buffer>} vmlinux
 * @throws {HarnessError} when it is not a bzImage of boot protocol 2.08 or later, or is damaged
 */
export async function extractVmlinux(image) {
  if (image.length < PAYLOAD_LENGTH + 4 || image.toString('latin1', HEADER_MAGIC, VERSION) !== 'HdrS') {
    throw new HarnessError('not a Linux bzImage: it has no setup header');
  }
  const version = image.readUInt16LE(VERSION);
  if (version < PAYLOAD_SINCE) {
    throw new HarnessError(
      `boot protocol ${version >> 8}.${version & 0xff} does not tell where the kernel is`,
    );
  }
  // For compatibility, a setup_sects of 0 means 4. The boot sector comes on top.
  const protectedMode = ((image[SETUP_SECTS] || 4) + 1) * SECTOR;
  const start = protectedMode + image.readUInt32LE(PAYLOAD_OFFSET);
  const end = start + image.readUInt32LE(PAYLOAD_LENGTH);
  if (end > image.length || end - start < 8) throw new HarnessError('the bzImage is cut short');

  const payload = image.subarray(start, end);
  const size = payload.readUInt32LE(payload.length - 4);
  // The last four bytes are the size of the decompressed kernel: a part of gzip's format, put behind all others.
  const isGzip = payload.readUInt16LE(0) === 0x8b1f;
  const vmlinux = await decompress(isGzip ? payload : payload.subarray(0, -4));
  if (vmlinux.length !== size) {
    throw new HarnessError(
      `the bzImage is damaged: its kernel has ${vmlinux.length} bytes instead of ${size}`,
    );
  }
  if (!vmlinux.subarray(0, 4).equals(ELF_MAGIC))
    throw new HarnessError('the kernel in the bzImage is not an ELF file');
  return vmlinux;
}
