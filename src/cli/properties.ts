/** The parts of `a,b=c,d`: at single commas; two in a row stand for one, as QEMU has it. */
export function splitAtCommas(text: string): string[] {
  const parts = [''];
  for (const [piece] of text.matchAll(/,,|,|[^,]+/g)) {
    if (piece === ',') parts.push('');
    else parts[parts.length - 1] += piece === ',,' ? ',' : piece;
  }
  return parts;
}

/** The text whose parts these are. */
export function joinWithCommas(parts: readonly string[]): string {
  return parts.map(part => part.replaceAll(',', ',,')).join(',');
}
