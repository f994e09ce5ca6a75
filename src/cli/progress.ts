/** Work that is over sooner needs no announcement. */
const PATIENCE_MS = 500;
const ERASE_LINE = '\r\x1b[K';

/** Says on stderr, when that is a terminal, what takes long, and takes it back when it is done. */
export async function withProgress<T>(what: string, work: Promise<T>): Promise<T> {
  if (!process.stderr.isTTY) return work;
  let shown = false;
  const timer = setTimeout(() => {
    shown = true;
    process.stderr.write(`tsvmm: ${what}…`);
  }, PATIENCE_MS);
  try {
    return await work;
  } finally {
    clearTimeout(timer);
    if (shown) process.stderr.write(ERASE_LINE);
  }
}
