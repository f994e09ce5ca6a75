import { lstat, open, readFile, readlink, readdir, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';

const TYPE_FILE = 0o100000;
const TYPE_DIRECTORY = 0o040000;
const TYPE_SYMLINK = 0o120000;
const TYPE_CHARACTER_DEVICE = 0o020000;

/**
 * @typedef {object} Entry
 * @property {number} mode file type and permissions, as in `st_mode`
 * @property {Uint8Array | string} [content] a file's bytes or a symbolic link's target
 * @property {string} [source] a file on the host whose bytes are read when the archive is written
 * @property {[major: number, minor: number]} [device]
 */

/**
 * A file tree to be unpacked by the kernel as its first root file system. It is kept as a list of names and written
 * as a cpio archive, format "newc" (Linux, Documentation/driver-api/early-userspace/buffer-format.rst), so neither
 * root rights nor a copy of the tree are needed. Paths are absolute; parent folders are made as needed.
 */
export class Initramfs {
  /** @type {Map<string, Entry>} */
  #entries = new Map();

  /** @param {string} path */
  directory(path) {
    if (path === '/' || this.#entries.has(path)) return;
    this.directory(dirname(path));
    this.#entries.set(path, { mode: TYPE_DIRECTORY | 0o755 });
  }

  /**
   * @param {string} path
   * @param {Uint8Array | string} content
   * @param {number} [permissions]
   */
  file(path, content, permissions = 0o644) {
    this.#add(path, { mode: TYPE_FILE | permissions, content });
  }

  /**
   * @param {string} path
   * @param {string} target
   */
  symlink(path, target) {
    this.#add(path, { mode: TYPE_SYMLINK | 0o777, content: target });
  }

  /**
   * @param {string} path
   * @param {number} major
   * @param {number} minor
   */
  characterDevice(path, major, minor) {
    this.#add(path, { mode: TYPE_CHARACTER_DEVICE | 0o600, device: [major, minor] });
  }

  /**
   * Copies a file of the host, following symbolic links.
   *
   * @param {string} path
   * @param {string} source
   */
  async copy(path, source) {
    const { mode } = await stat(source);
    this.#add(path, { mode: TYPE_FILE | (mode & 0o777), source });
  }

  /**
   * Copies a file or a whole folder of the host, with symbolic links as they are.
   *
   * @param {string} path
   * @param {string} source
   * @param {(name: string) => boolean} [wanted] asked for each path relative to `source`
   * @returns {Promise<string[]>} the files copied, by their paths on the host
   */
  async copyTree(path, source, wanted = () => true) {
    /** @type {string[]} */
    const files = [];
    const visit = async (/** @type {string} */ relative) => {
      const from = join(source, relative);
      const to = join(path, relative);
      const status = await lstat(from);
      if (status.isDirectory()) {
        this.directory(to);
        for (const name of (await readdir(from)).sort()) {
          const child = join(relative, name);
          if (wanted(child)) await visit(child);
        }
      } else if (status.isSymbolicLink()) {
        this.symlink(to, await readlink(from));
      } else if (status.isFile()) {
        this.#add(to, { mode: TYPE_FILE | (status.mode & 0o777), source: from });
        files.push(from);
      }
    };
    await visit('');
    return files;
  }

  /**
   * Writes the archive.
   *
   * @param {string} path
   * @returns {Promise<number>} its size in bytes
   */
  async write(path) {
    const output = await open(path, 'w');
    let size = 0;
    let inode = 0;
    const put = async (/** @type {Uint8Array} */ bytes) => {
      size += bytes.length;
      await output.appendFile(bytes);
    };
    const record = async (/** @type {string} */ name, /** @type {Entry} */ entry) => {
      const content = entry.source ? await readFile(entry.source) : Buffer.from(entry.content ?? '');
      inode += 1;
      await put(recordHeader(name, entry, inode, content.length));
      await put(content);
      await put(Buffer.alloc(-content.length & 3));
    };
    try {
      for (const [name, entry] of this.#entries) await record(name.slice(1), entry);
      await record('TRAILER!!!', { mode: 0 });
    } finally {
      await output.close();
    }
    return size;
  }

  /**
   * @param {string} path
   * @param {Entry} entry
   */
  #add(path, entry) {
    this.directory(dirname(path));
    this.#entries.set(path, entry);
  }
}

/**
 * @param {string} name
 * @param {Entry} entry
 * @param {number} inode
 * @param {number} size
 */
function recordHeader(name, { mode, device: [major, minor] = [0, 0] }, inode, size) {
  const nameBytes = Buffer.from(`${name}\0`);
  const links = (mode & 0o170000) === TYPE_DIRECTORY ? 2 : 1;
  const fields = [
    inode,
    mode,
    0, // uid
    0, // gid
    links,
    0, // modification time: fixed, so that the same tree gives the same archive
    size,
    0, // major and minor number of the device that the file is on
    0,
    major,
    minor,
    nameBytes.length,
    0, // checksum: none in "newc"
  ];
  const header = `070701${fields.map(field => field.toString(16).padStart(8, '0')).join('')}`;
  // Name and content are each padded so that what follows begins at a multiple of four.
  const padding = Buffer.alloc(-(header.length + nameBytes.length) & 3);
  return Buffer.concat([Buffer.from(header), nameBytes, padding]);
}
