import { hex } from '../../errors.js';
import type { GuestMemory } from '../../vmm/memory/guest-memory.js';
import type { MemoryBytes } from '../report/report.js';

/** Guest memory for people; nothing where it is not RAM. */
export function memoryBytes(memory: GuestMemory, what: string, gpa: number, size: number): MemoryBytes {
  const bytes = memory.contains(gpa, size) ? hexText(memory.bytes(gpa, size)) : 'not RAM';
  return { what, address: hex(gpa), bytes };
}

function hexText(bytes: Uint8Array): string {
  return Array.from(bytes, byte => byte.toString(16).padStart(2, '0')).join(' ');
}
