/**
 * Options for tsvmm's threads. Each has Node's own options as the process has them, so that loaders and debuggers work
 * there too; but for a process that was started with `--input-type`, with which Node refuses to load a thread's file:
 * that one's threads begin without any.
 */
export const THREAD_OPTIONS: { readonly execArgv?: string[] } = process.execArgv.some(argument =>
  argument.startsWith('--input-type'),
)
  ? { execArgv: [] }
  : {};
