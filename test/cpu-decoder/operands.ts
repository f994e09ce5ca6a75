/**
 * Operands as text that both sides are brought to. Memory is `size:segment:base+index*scale+displacement`, with size in
 * bytes or `?`; a segment is given unless it has no meaning in 64-bit mode; a direct address has neither base nor index.
 */
export interface Address {
  readonly segment: string;
  readonly base: string;
  readonly index: string;
  readonly scale: number;
  /** Signed; of direct addresses the low 32 bits. */
  readonly displacement: number;
}

export function memoryOperand(bytes: number | '?', address: Address): string {
  const { segment, base, index, scale, displacement } = address;
  return `${bytes}:${segment}:${base}+${index}${index && `*${scale}`}${displacement < 0 ? '' : '+'}${displacement}`;
}

/** @param low the low 32 bits of the address that a direct branch goes to */
export function branchTarget(low: number): string {
  return `to ${(low >>> 0).toString(16).padStart(8, '0')}`;
}

/** A target that is cut to 16 bits, of which objdump often shows more. */
export function cutBranchTarget(low: number): string {
  return `to *${(low & 0xffff).toString(16).padStart(4, '0')}`;
}

/** Whether two operands agree, where the first may have alternatives (`eax|rax`) and memory an unknown size. */
export function sameOperand(a: string, b: string): boolean {
  if (a === b) return true;
  if (a.startsWith('to *')) return b.startsWith('to ') && b.endsWith(a.slice(4));
  if (a.includes('|')) return a.split('|').includes(b);
  if (a.startsWith('?:') || b.startsWith('?:')) {
    return a.includes(':') && b.includes(':') && a.slice(a.indexOf(':')) === b.slice(b.indexOf(':'));
  }
  return false;
}
