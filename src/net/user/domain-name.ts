/** Domain names in messages: labels with their length before them, an empty one at the end (RFC 1035, 3.1). */

/** How many bytes a name takes. */
export function domainNameLength(name: string): number {
  return labelsOf(name).reduce((sum, label) => sum + 1 + label.length, 1);
}

/** Writes a name that has ASCII letters alone; returns where it ends. */
export function writeDomainName(bytes: Uint8Array, at: number, name: string): number {
  let next = at;
  for (const label of labelsOf(name)) {
    bytes[next++] = label.length;
    for (let i = 0; i < label.length; i++) bytes[next++] = label.charCodeAt(i);
  }
  bytes[next++] = 0;
  return next;
}

/**
 * Reads a name that is not compressed, in lower case and without a dot at its end.
 * @returns the name and where it ends; `undefined` when it is none
 */
export function readDomainName(
  bytes: Uint8Array,
  at: number,
  end: number,
): { readonly name: string; readonly end: number } | undefined {
  const labels: string[] = [];
  for (let next = at; next < end && next - at < 255;) {
    const length = bytes[next++];
    if (length === 0) return { name: labels.join('.'), end: next };
    if (length > 63 || next + length > end) return undefined;
    labels.push(String.fromCharCode(...bytes.subarray(next, next + length)).toLowerCase());
    next += length;
  }
  return undefined;
}

function labelsOf(name: string): string[] {
  return name.split('.').filter(label => label !== '');
}
