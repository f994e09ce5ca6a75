/** `value` in `digits` hexadecimal digits, without 0x. */
export function hexDigits(value: number | bigint, digits: number): string {
  return value.toString(16).padStart(digits, '0');
}

/** A register of 64 bits as QEMU prints it. */
export function hex64(value: number | bigint): string {
  return hexDigits(value, 16);
}

/** A size as people read it: 4 KiB, 1.5 MiB. */
export function sizeText(bytes: number): string {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];
  let unit = 0;
  let value = bytes;
  while (value >= 1024 && unit < units.length - 1) {
    value /= 1024;
    unit++;
  }
  return `${Number(value.toFixed(1))} ${units[unit]}`;
}

/** Names of the bits that are set in `value`. @param names by bit number */
export function bitNames(value: number, names: Readonly<Record<string, number>>): string[] {
  return Object.entries(names)
    .filter(([, bit]) => (value & bit) !== 0)
    .map(([name]) => name);
}
