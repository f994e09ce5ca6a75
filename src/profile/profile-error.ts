import { TsvmmError, type ErrorData } from '../errors.js';

/** A file is not a profile, or a damaged one. Exit status 2. */
export class ProfileError extends TsvmmError {
  constructor(message: string, data?: ErrorData, options?: ErrorOptions) {
    super('PROFILE', message, data, options);
  }
}
