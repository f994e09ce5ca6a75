import { encoded, withPkgLength, type DataObject, type Statement, type TermObj } from './encoding.js';
import { nameString } from './name-string.js';

const NAME_OP = 0x08;
const SCOPE_OP = 0x10;
const METHOD_OP = 0x14;
const DEVICE_OP = 0x5b82;

const MAX_ARGUMENTS = 7;
/** SerializeFlag of MethodFlags. */
const SERIALIZED = 1 << 3;

/** `Name (path, value)` (ACPI 6.5, 20.2.5.1). */
export function name(path: string, value: DataObject): Statement {
  return encoded(NAME_OP, nameString(path), value);
}

/** `Scope (path) {…}` (20.2.5.1). The scope must exist. */
export function scope(path: string, ...terms: readonly TermObj[]): Statement {
  return withPkgLength(SCOPE_OP, nameString(path), ...terms);
}

/** `Device (path) {…}` (20.2.5.2). */
export function device(path: string, ...terms: readonly TermObj[]): Statement {
  return withPkgLength(DEVICE_OP, nameString(path), ...terms);
}

export interface MethodOptions {
  /** 0 to 7. */
  readonly argumentCount?: number;
  /** One thread at a time: demanded of a method that creates named objects. */
  readonly serialized?: boolean;
}

/**
 * `Method (path, argumentCount, …) {…}` (20.2.5.2).
 * @throws RangeError for more than 7 arguments
 */
export function method(
  path: string,
  { argumentCount = 0, serialized = false }: MethodOptions,
  ...terms: readonly TermObj[]
): Statement {
  if (argumentCount > MAX_ARGUMENTS) {
    throw new RangeError(`a method has at most ${MAX_ARGUMENTS} arguments, not ${argumentCount}`);
  }
  const flags = argumentCount | (serialized ? SERIALIZED : 0);
  return withPkgLength(METHOD_OP, nameString(path), flags, ...terms);
}
