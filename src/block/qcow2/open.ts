import { ConfigError } from '../../errors.js';
import type { BlockFile } from '../backend.js';
import { clearFrom, totalLength } from '../buffers.js';
import { CorruptImage } from './corrupt-image.js';
import { Incompatible, readHeader, type Header } from './header.js';
import { Qcow2Image, type BackingImage } from './image.js';
import type { Inflate } from './inflate.js';

/** Images that one may lie on, in all. */
const MAX_CHAIN = 200;

/** What opening images needs of the host. */
export interface ImageHost {
  /** @throws ConfigError that says why it cannot be had */
  openFile(path: string, readOnly: boolean): BlockFile;
  readonly inflate: Inflate;
}

/**
 * Opens a qcow2 image and everything that it lies on. A backing file is what the image's header says that it is; one of
 * which the header does not say is refused, since a guest could write a header that makes its disk look like an image.
 * @param giveBack space that is not used any more goes back to the host
 * @throws ConfigError that says why it cannot be used
 */
export function openQcow2(path: string, readOnly: boolean, giveBack: boolean, host: ImageHost): Qcow2Image {
  return openIn([], path, readOnly, giveBack, host);
}

function openIn(
  above: readonly string[],
  path: string,
  readOnly: boolean,
  giveBack: boolean,
  host: ImageHost,
): Qcow2Image {
  const file = host.openFile(path, readOnly);
  let backing: BackingImage | undefined;
  try {
    if (above.includes(file.identity)) refuse(path, 'it is a backing file of itself');
    if (above.length === MAX_CHAIN) refuse(path, `it lies on more than ${MAX_CHAIN} images`);
    const header = readHeader(file, path);
    refuseUnusable(header, path, readOnly);
    backing = openBacking([...above, file.identity], path, header, host);
    return new Qcow2Image({ file, header, backing, inflate: host.inflate, giveBack });
  } catch (error) {
    backing?.close();
    file.close();
    if (error instanceof CorruptImage) throw new ConfigError(`disk ${path}: ${error.message}`, { path });
    throw error;
  }
}

function refuse(path: string, why: string): never {
  throw new ConfigError(`disk ${path}: ${why}`, { path });
}

function refuseUnusable({ incompatible }: Header, path: string, readOnly: boolean): void {
  if (readOnly) return;
  if (incompatible & Incompatible.CORRUPT) {
    refuse(
      path,
      'it is marked as corrupt: it can be read alone (readonly), or repaired by qemu-img check -r all',
    );
  }
  if (incompatible & Incompatible.DIRTY) {
    refuse(
      path,
      'it was not closed and its refcounts are not up to date (dirty bit): qemu-img check -r all repairs it',
    );
  }
}

function openBacking(
  chain: readonly string[],
  path: string,
  { backingFile, backingFormat }: Header,
  host: ImageHost,
): BackingImage | undefined {
  if (backingFile === undefined) return undefined;
  if (/^[a-z][a-z0-9+.-]*:/i.test(backingFile)) {
    refuse(path, `its backing file '${printable(backingFile)}' is not a plain file`);
  }
  const where = backingFile.startsWith('/')
    ? backingFile
    : path.slice(0, path.lastIndexOf('/') + 1) + backingFile;
  switch (backingFormat) {
    case 'qcow2':
      return openIn(chain, where, true, false, host);
    case 'raw':
      return new RawBacking(host.openFile(where, true));
    case undefined:
      return refuse(
        path,
        `it does not say what format its backing file ${printable(backingFile)} has, and that is not guessed: ` +
          `say it with qemu-img rebase -u -F raw|qcow2 -b ${printable(backingFile)}`,
      );
    default:
      return refuse(path, `its backing file has the format ${backingFormat}, which is not supported`);
  }
}

function printable(name: string): string {
  return name.replace(/[^\x20-\x7e]/g, '?');
}

class RawBacking implements BackingImage {
  readonly size: number;

  constructor(private readonly file: BlockFile) {
    this.size = file.size();
  }

  read(offset: number, buffers: readonly Uint8Array[]): void {
    const got = offset < this.size ? this.file.read(buffers, offset) : 0;
    if (got < totalLength(buffers)) clearFrom(buffers, got);
  }

  close(): void {
    this.file.close();
  }
}
