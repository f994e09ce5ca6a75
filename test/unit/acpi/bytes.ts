import { expect } from 'vitest';

/** Bytes from groups of hexadecimal digits, separated by spaces. */
export function bytes(hex: string): Uint8Array {
  return Uint8Array.from(hex.split(/\s+/).filter(Boolean), byte => parseInt(byte, 16));
}

/** Hexadecimal digits in pairs, as {@link bytes} takes them. */
export function hexOf(data: Uint8Array): string {
  return Array.from(data, byte => byte.toString(16).padStart(2, '0')).join(' ');
}

/** Little-endian reading, as a guest does it. */
export function reader(data: Uint8Array): DataView {
  return new DataView(data.buffer, data.byteOffset, data.byteLength);
}

export function text(data: Uint8Array, from: number, to: number): string {
  return String.fromCharCode(...data.subarray(from, to));
}

export function expectChecksum(data: Uint8Array): void {
  expect(data.reduce((sum, byte) => sum + byte, 0) & 0xff, 'sum of all bytes').toBe(0);
}

/** Checks what all tables but RSDP and FACS have in common (ACPI 6.5, 5.2.6). */
export function expectHeader(data: Uint8Array, signature: string, revision: number): void {
  const view = reader(data);
  expect(text(data, 0, 4)).toBe(signature);
  expect(view.getUint32(4, true), 'length').toBe(data.length);
  expect(view.getUint8(8), 'revision').toBe(revision);
  expect(text(data, 10, 16)).toBe('TSVMM ');
  expect(text(data, 16, 24)).toBe('TSVMMPC ');
  expect(view.getUint32(24, true), 'OEM revision').toBe(1);
  expect(text(data, 28, 32)).toBe('TSVM');
  expectChecksum(data);
}
