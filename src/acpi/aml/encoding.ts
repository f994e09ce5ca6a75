declare const kind: unique symbol;

/**
 * AML bytes together with what they are in the grammar of ACPI 6.5, 20.2. The kind exists for the compiler alone, so
 * that only what the grammar allows can be put together.
 */
export type Encoded<Kind extends string> = Uint8Array & { readonly [kind]: Kind };

/** ComputationalData (20.2.3): an integer, a string or a buffer. */
export type ComputationalData = Encoded<'data'>;
/** A DefPackage (20.2.5.4) whose elements are all constant. */
export type Package = Encoded<'package'>;
/** A NameString (20.2.2) that stands for the named object, or calls the method if it is one without arguments. */
export type Reference = Encoded<'name'>;
/** An ArgObj or LocalObj (20.2.6). */
export type Variable = Encoded<'variable'>;
/** An ExpressionOpcode (20.2.5.4), or a call of a method. */
export type Expression = Encoded<'expression'>;
/** A NamespaceModifierObj, NamedObj (20.2.5.1, 20.2.5.2) or StatementOpcode (20.2.5.3). */
export type Statement = Encoded<'statement'>;

/** DataObject (20.2.3): what a Name holds. */
export type DataObject = ComputationalData | Package;
/** TermArg (20.2.5): an operand. */
export type TermArg = DataObject | Reference | Variable | Expression;
/** SuperName (20.2.2): where a result can go. */
export type SuperName = Reference | Variable;
/** TermObj (20.2.5): what term lists, the bodies of scopes and methods, consist of. */
export type TermObj = Expression | Statement;
/** PackageElement (20.2.5.4). */
export type PackageElement = DataObject | Reference;

/** ExtOpPrefix: the opcode is the byte behind it. */
const EXTENDED = 0x5b;

/** Joins bytes; the caller answers for their being of the kind `Kind`. */
export function encoded<Kind extends string>(...parts: readonly (Uint8Array | number)[]): Encoded<Kind> {
  const bytes = parts.map(part => (typeof part === 'number' ? Uint8Array.of(part) : part));
  return Buffer.concat(bytes) as Uint8Array as Encoded<Kind>;
}

/** An opcode's bytes. @param code `0x5Bxx` for those behind ExtOpPrefix */
export function opcode(code: number): Uint8Array {
  return code > 0xff ? Uint8Array.of(EXTENDED, code & 0xff) : Uint8Array.of(code);
}

/** `opcode PkgLength contents`, the shape of everything in AML that has a length. */
export function withPkgLength<Kind extends string>(
  code: number,
  ...contents: readonly (Uint8Array | number)[]
): Encoded<Kind> {
  const body = encoded(...contents);
  return encoded(opcode(code), pkgLength(body.length), body);
}

/**
 * PkgLength (20.2.4) in front of `size` bytes. It counts itself: one byte holds up to 63; else its first byte has the
 * number of bytes that follow in bits 7–6 and the lowest four bits of the length, and each that follows has eight more.
 *
 * @param size 0 to 2^28−5
 * @throws RangeError for more
 */
export function pkgLength(size: number): Uint8Array {
  if (size + 1 <= 0x3f) return Uint8Array.of(size + 1);
  for (let following = 1; following <= 3; following++) {
    const length = size + 1 + following;
    if (length >= 2 ** (4 + 8 * following)) continue;
    const lead = (following << 6) | (length & 0x0f);
    return Uint8Array.of(lead, ...littleEndian(length >>> 4, following));
  }
  throw new RangeError(`${size} bytes are too many for a PkgLength`);
}

/** The lowest `size` bytes of `value`, lowest first. */
export function littleEndian(value: number | bigint, size: number): Uint8Array {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64LE(BigInt(value));
  return bytes.subarray(0, size);
}
