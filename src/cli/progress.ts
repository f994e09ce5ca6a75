/** Work that is over sooner needs no announcement. */
const PATIENCE_MS = 500;
const ERASE_LINE = '\r\x1b[K';

/**
 * Says on stderr what takes long: on a terminal, where it is taken back when it is done, or else with `--verbose`.
 * @param what in the form `loading the kernel`
 */
export async function withProgress<T>(what: string, verbose: boolean, work: Promise<T>): Promise<T> {
  const { stderr } = process;
  if (!stderr.isTTY && !verbose) return work;
  let shown = false;
  const timer = setTimeout(() => {
    shown = true;
    stderr.write(`tsvmm: ${what}…${stderr.isTTY ? '' : '\n'}`);
  }, PATIENCE_MS);
  try {
    return await work;
  } finally {
    clearTimeout(timer);
    if (shown && stderr.isTTY) stderr.write(ERASE_LINE);
  }
}
