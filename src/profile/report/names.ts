import { hex } from '../../errors.js';
import type { ExitReason, Profile, Site, SymbolInfo } from '../format.js';

/** What the machine's thread does besides serving exits. */
const WORK: Readonly<Partial<Record<ExitReason, string>>> = {
  machine: '(machine)',
  idle: '(idle)',
  profiler: '(profiler)',
};

/** True for what a guest causes by leaving, and false for the other work of the machine's thread. */
export function isExit(reason: ExitReason): boolean {
  return WORK[reason] === undefined;
}

/** A site's device and register by name: `com1 LSR`, `unclaimed port 0x80`, `ioapic eoi 0x31`. */
export function registerName({ reason, device, register, address }: Site): string {
  switch (reason) {
    case 'pio':
      return device === '' ? `unclaimed port ${hex(address)}` : named(device, register, address);
    case 'mmio':
      return device === '' ? `unclaimed memory ${hex(address)}` : named(device, register, address);
    case 'eoi':
      return `ioapic eoi ${hex(address)}`;
    default:
      return WORK[reason] ?? reason;
  }
}

/** The device that a site belongs to, or what stands for one. */
export function deviceName(site: Site): string {
  if (site.device !== '') return site.device;
  if (site.reason === 'pio' || site.reason === 'mmio') return 'unclaimed';
  return site.reason === 'eoi' ? 'ioapic' : (WORK[site.reason] ?? site.reason);
}

/** A site with direction and size: `com1 LSR read 1`. */
export function siteName(site: Site): string {
  const name = registerName(site);
  return site.direction === 'none' ? name : `${name} ${site.direction} ${site.size}`;
}

/** A function of the guest, or the address where none is known; `''` where the guest executes nothing. */
export function functionName(profile: Profile, address: bigint): string {
  if (address === 0n) return '';
  return profile.symbols.get(address)?.name ?? hex(address);
}

/** `file.c:12`, `''` where it is not known. */
export function sourceLine(symbol: SymbolInfo | undefined): string {
  if (symbol?.file === undefined) return '';
  return symbol.line === undefined ? symbol.file : `${symbol.file}:${symbol.line}`;
}

function named(device: string, register: string, address: number): string {
  return `${device} ${register === '' ? hex(address) : register}`;
}
