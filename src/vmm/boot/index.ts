import { ConfigError, ImageError } from '../../errors.js';
import { ET_EXEC } from './elf-layout.js';
import { checkType } from './elf-loader.js';
import { Elf, isElf } from './elf.js';
import { identify } from './image-format.js';
import { refusalOf } from './image-reader.js';
import { linuxBzImage32 } from './linux-bzimage32.js';
import { linuxBzImage64 } from './linux-bzimage64.js';
import { linuxElf, looksLikeLinux } from './linux-elf.js';
import { isLinuxImage } from './linux-setup.js';
import { multiboot1 } from './multiboot1.js';
import { findMultiboot1Header } from './multiboot1-header.js';
import { multiboot2 } from './multiboot2.js';
import { findMultiboot2Header } from './multiboot2-header.js';
import { plainElf } from './plain-elf.js';
import type { BootProtocol, BootProtocolName } from './protocol.js';
import { hasPvhNote, pvh } from './pvh.js';

/** A protocol, and how to see that an image was made for it. */
interface Candidate {
  readonly protocol: BootProtocol;
  /** True when the image carries the protocol's mark, even if it cannot be booted by it. */
  readonly isMeant: (image: Uint8Array) => boolean;
}

const CANDIDATES: readonly Candidate[] = [
  { protocol: linuxBzImage64, isMeant: isLinuxImage },
  { protocol: linuxBzImage32, isMeant: isLinuxImage },
  { protocol: pvh, isMeant: hasPvhNote },
  { protocol: multiboot2, isMeant: image => findMultiboot2Header(image) !== undefined },
  { protocol: multiboot1, isMeant: image => findMultiboot1Header(image) !== undefined },
  { protocol: linuxElf, isMeant: looksLikeLinux },
];

/** All boot protocols, the one that is preferred when several fit first. */
export const PROTOCOLS: readonly BootProtocol[] = [...CANDIDATES.map(({ protocol }) => protocol), plainElf];

/**
 * The protocol by which an image is booted: the first of {@link PROTOCOLS} whose mark the image carries and that can boot
 * it. An ELF file without any mark is booted as a plain ELF file; one with a mark that cannot be booted
 * by it is refused, since it would not run without what it asks for.
 * @param forced the protocol that the user asked for
 * @throws ImageError that says why nothing fits
 */
export function choose(image: Uint8Array, forced?: BootProtocolName): BootProtocol {
  if (forced !== undefined) return force(image, forced);
  const meant = CANDIDATES.filter(({ isMeant }) => isMeant(image)).map(({ protocol }) => protocol);
  const candidates = meant.length === 0 && isElf(image) ? [plainElf] : meant;
  const refusals = candidates.map(protocol => ({ protocol, refusal: protocol.refuse(image) }));
  const fitting = refusals.find(({ refusal }) => refusal === undefined);
  if (fitting) return fitting.protocol;
  throw new ImageError(brokenFile(image) ?? reasons(refusals), {
    refusals: Object.fromEntries(PROTOCOLS.map(protocol => [protocol.name, protocol.refuse(image)])),
  });
}

function force(image: Uint8Array, name: BootProtocolName): BootProtocol {
  const protocol = PROTOCOLS.find(candidate => candidate.name === name);
  if (!protocol) throw new ConfigError(`there is no boot protocol ${String(name)}`);
  const refusal = protocol.refuse(image);
  if (refusal === undefined) return protocol;
  throw new ImageError(brokenFile(image) ?? `the kernel cannot be booted with ${name}: ${refusal}`, {
    refusals: { [name]: refusal },
  });
}

/** What is wrong with the file whatever the protocol, if anything is. */
function brokenFile(image: Uint8Array): string | undefined {
  if (isElf(image)) return refusalOf(() => checkType(new Elf(image), [ET_EXEC]));
  return identify(image).problem;
}

function reasons(
  refusals: readonly { readonly protocol: BootProtocol; readonly refusal?: string | undefined }[],
) {
  const list = refusals.map(({ protocol, refusal }) => `${protocol.name}: ${refusal}`);
  return `no boot protocol fits the kernel: ${list.join('; ')}`;
}
