const INPUT_TYPE = '--input-type';

/**
 * Node's own options for tsvmm's threads: those of the process, so that loaders and debuggers work there too, without the
 * one that is for the text of `--eval` alone and with which Node refuses to load a file.
 */
export const EXEC_ARGV: string[] = process.execArgv.filter(
  (argument, i, all) => argument.split('=')[0] !== INPUT_TYPE && all[i - 1] !== INPUT_TYPE,
);
