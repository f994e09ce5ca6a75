import { getSystemErrorMap } from 'node:util';

/** What the system calls an error, without what Node adds: `no space left on device`. */
export function systemErrorText(error: unknown): string {
  const { errno, code, message } = error as NodeJS.ErrnoException;
  const [, text] = (errno !== undefined && getSystemErrorMap().get(errno)) || [];
  return text ?? code ?? message;
}
