import { describe, expect, it } from 'vitest';
import { PC } from '../vmm/machine/parts.js';
import { fadt } from '../../../src/acpi/fadt.js';
import { expectHeader, hexOf, reader, text } from './bytes.js';

/** Offsets of ACPI 6.5, table 5.9. */
describe('the FADT', () => {
  const bytes = fadt({ facs: 0xe_0040, dsdt: 0xe_0080 }, PC);
  const view = reader(bytes);
  const u8 = (offset: number): number => view.getUint8(offset);
  const u16 = (offset: number): number => view.getUint16(offset, true);
  const u32 = (offset: number): number => view.getUint32(offset, true);
  const genericAddress = (offset: number) => ({
    space: u8(offset),
    bits: u8(offset + 1),
    from: u8(offset + 2),
    access: u8(offset + 3),
    address: Number(view.getBigUint64(offset + 4, true)),
  });

  it('is of ACPI 6.5', () => {
    expectHeader(bytes, 'FACP', 6);
    expect(bytes).toHaveLength(276);
    expect(u8(131), 'minor version').toBe(5);
  });

  it('leads to FACS and DSDT', () => {
    expect(u32(36)).toBe(0xe_0040);
    expect(u32(40)).toBe(0xe_0080);
    expect(view.getBigUint64(132, true), 'X_FIRMWARE_CTRL only for above 4 GiB').toBe(0n);
    expect(view.getBigUint64(140, true)).toBe(0xe_0080n);
  });

  it('has no SMI command port, so that ACPI mode is always on', () => {
    expect(u32(48)).toBe(0);
    expect(hexOf(bytes.subarray(52, 56)), 'what would be written there').toBe('00 00 00 00');
    expect(u8(95), 'CST_CNT').toBe(0);
  });

  it('has the PM1a and timer registers twice, alike', () => {
    expect([56, 64, 76].map(u32)).toEqual([0x600, 0x604, 0x608]);
    expect([88, 89, 91].map(u8), 'sizes in bytes').toEqual([4, 2, 4]);
    expect([148, 172, 208].map(genericAddress)).toEqual([
      { space: 1, bits: 32, from: 0, access: 2, address: 0x600 },
      { space: 1, bits: 16, from: 0, access: 2, address: 0x604 },
      { space: 1, bits: 32, from: 0, access: 3, address: 0x608 },
    ]);
  });

  it('has no PM1b, PM2 and general-purpose event registers, and no sleep registers of reduced hardware', () => {
    expect([60, 68, 72, 80, 84].map(u32)).toEqual([0, 0, 0, 0, 0]);
    expect([90, 92, 93, 94].map(u8)).toEqual([0, 0, 0, 0]);
    for (const offset of [160, 184, 196, 220, 232, 244, 256]) {
      expect(genericAddress(offset)).toEqual({ space: 0, bits: 0, from: 0, access: 0, address: 0 });
    }
  });

  it('has SCI on interrupt 9', () => {
    expect(u16(46)).toBe(9);
  });

  it('resets by a hard reset through 0xCF9', () => {
    expect(genericAddress(116)).toEqual({ space: 1, bits: 8, from: 0, access: 1, address: 0xcf9 });
    expect(u8(128)).toBe(0x06);
  });

  it('says what the hardware is: WBINVD, C1, power button fixed, no sleep button, no RTC wake, reset register', () => {
    expect(u32(112)).toBe((1 << 0) | (1 << 2) | (1 << 5) | (1 << 6) | (1 << 10));
    expect(u16(96), 'no C2').toBeGreaterThan(100);
    expect(u16(98), 'no C3').toBeGreaterThan(1000);
  });

  it('says what an operating system need not probe: legacy devices, an 8042, no VGA', () => {
    expect(u16(109)).toBe(0b111);
    expect([106, 107, 108].map(u8), 'day alarm, month alarm, century').toEqual([0, 0, 0x32]);
  });

  it('names the hypervisor', () => {
    expect(text(bytes, 268, 276)).toBe('TSVMM\0\0\0');
  });
});
