import { TsvmmError } from '../../errors.js';
import * as errors from '../../errors.js';
import type { SerializedError } from './protocol.js';

/** An error as plain data, for another thread. */
export function serializeError(error: unknown): SerializedError {
  if (!(error instanceof Error)) return { name: 'Error', message: String(error) };
  const { name, message, stack } = error;
  return {
    name,
    message,
    ...(stack !== undefined && { stack }),
    ...(error instanceof TsvmmError && { code: error.code, data: error.data }),
  };
}

/** The error that another thread met, of its class where it is one of tsvmm's own. */
export function reviveError({ name, code, message, stack, data }: SerializedError): Error {
  const error = revive(name, code, message, data);
  if (stack !== undefined) error.stack = stack;
  return error;
}

function revive(
  name: string,
  code: string | undefined,
  message: string,
  data: SerializedError['data'],
): Error {
  if (code === undefined) return new Error(message);
  switch (name) {
    case 'ConfigError':
      return new errors.ConfigError(message, data);
    case 'ImageError':
      return new errors.ImageError(message, data);
    case 'AcceleratorError':
      return new errors.AcceleratorError(message, data);
    case 'BusConflictError':
      return new errors.BusConflictError(message, data);
    default:
      return new TsvmmError(code, message, data);
  }
}
