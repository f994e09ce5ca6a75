import { TsvmmError, type ErrorData } from '../../errors.js';
import { errno, strerror } from '../../host/libc.js';

/** A KVM call that failed although everything that tsvmm checks beforehand was in order. */
export class KvmError extends TsvmmError {
  constructor(message: string, data?: ErrorData) {
    super('KVM', message, data);
  }

  /** For a call that has just failed on this thread. */
  static ofCall(call: string, data: ErrorData = {}): KvmError {
    const error = errno();
    return new KvmError(`${call} failed: ${strerror(error)} (errno ${error})`, {
      ...data,
      call,
      errno: error,
    });
  }
}
