/** Plain data that an error carries for programs: numbers, strings, lists of them. */
export type ErrorData = Readonly<Record<string, unknown>>;

/**
 * Base of every error that tsvmm raises on purpose. The message is one line for people and says what to do
 * about it where there is something to do; `code` is stable for programs.
 */
export class TsvmmError extends Error {
  constructor(
    readonly code: string,
    message: string,
    readonly data: ErrorData = {},
    options?: ErrorOptions,
  ) {
    super(message, options);
    this.name = new.target.name;
  }
}

/** The caller asked for something impossible: a bad flag, size, path or combination. Exit status 2. */
export class ConfigError extends TsvmmError {
  constructor(message: string, data?: ErrorData, options?: ErrorOptions) {
    super('CONFIG', message, data, options);
  }
}

/** A kernel, initrd or module file is not what it claims to be. Exit status 2. */
export class ImageError extends TsvmmError {
  constructor(message: string, data?: ErrorData, options?: ErrorOptions) {
    super('IMAGE', message, data, options);
  }
}

/** The accelerator cannot be had on this host; the message says what would make it available. Exit status 2. */
export class AcceleratorError extends TsvmmError {
  constructor(message: string, data?: ErrorData, options?: ErrorOptions) {
    super('ACCELERATOR', message, data, options);
  }
}

/** An access outside guest RAM. `data.gpa` is the guest physical address, `data.size` the bytes asked for. */
export class GuestMemoryError extends TsvmmError {
  constructor(
    readonly gpa: number,
    readonly size: number,
  ) {
    super('GUEST_MEMORY', `no guest RAM at ${hex(gpa)} (${size} bytes)`, { gpa, size });
  }
}

/** Two devices claim the same port or address. */
export class BusConflictError extends TsvmmError {
  constructor(message: string, data?: ErrorData) {
    super('BUS_CONFLICT', message, data);
  }
}

/** `0x`-prefixed hexadecimal, as all messages print addresses. */
export function hex(value: number | bigint): string {
  return `0x${value.toString(16)}`;
}
