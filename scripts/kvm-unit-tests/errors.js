/** A failure that the user can act on: shown as one line, without a stack trace, with exit status 2. */
export class RunnerError extends Error {
  /** @override */
  name = 'RunnerError';
}
