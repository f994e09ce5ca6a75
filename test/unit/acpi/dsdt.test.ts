import { describe, expect, it } from 'vitest';
import { PC } from '../vmm/machine/parts.js';
import { dsdt } from '../../../src/acpi/dsdt.js';
import { COM_PORTS } from '../../../src/devices/legacy/com-ports.js';
import { expectHeader, hexOf } from './bytes.js';

function amlOf(cpus: number, ports: number, pci = false): string {
  return hexOf(dsdt({ cpus, serialPorts: COM_PORTS.slice(0, ports), parts: { ...PC, pci } }).subarray(36));
}

function count(text: string, part: string): number {
  return text.split(part).length - 1;
}

const PROCESSOR = '0d 41 43 50 49 30 30 30 37 00';
const SERIAL_PORT = '0c 41 d0 05 01';
const UID = '08 5f 55 49 44';

/** What iasl reads in it, iasl.test.ts says. */
describe('the DSDT', () => {
  it('has 64-bit integers', () => {
    expectHeader(dsdt({ cpus: 1, serialPorts: [], parts: PC }), 'DSDT', 2);
  });

  it('announces S5 with the SLP_TYP that powers off', () => {
    expect(amlOf(1, 1).startsWith('08 5c 5f 53 35 5f 12 06 04 00 00 00 00')).toBe(true);
  });

  it('has as many processors as there are, with the UIDs of the MADT', () => {
    const aml = amlOf(3, 1);
    expect(count(aml, PROCESSOR)).toBe(3);
    const uids = ['00', '01', '0a 02'];
    uids.forEach((uid, i) => {
      const device = `43 30 30 3${i} 08 5f 48 49 44 ${PROCESSOR} ${UID} ${uid}`;
      expect(count(aml, device)).toBe(1);
    });
    expect(count(amlOf(254, 1), PROCESSOR)).toBe(254);
  });

  it('has RTC and keyboard', () => {
    const aml = amlOf(1, 0);
    expect(count(aml, '0c 41 d0 0b 00')).toBe(1);
    expect(count(aml, '47 01 70 00 70 00 01 02 22 00 01 79 00')).toBe(1);
    expect(count(aml, '0c 41 d0 03 03')).toBe(1);
    expect(count(aml, '47 01 60 00 60 00 01 01 47 01 64 00 64 00 01 01 22 02 00 79 00')).toBe(1);
  });

  it('has the PCI host bridge where there is a PCI bus', () => {
    const bridge = '0c 41 d0 0a 03';
    expect([count(amlOf(1, 1), bridge), count(amlOf(1, 1, true), bridge)]).toEqual([0, 1]);
  });

  it('makes the table of interrupt pins only for a guest that asks for it', () => {
    // Method (_PRT, 0) { Return (Package …) }
    expect(amlOf(1, 1, true)).toMatch(/ 14 (?:.. ){1,4}5f 50 52 54 00 a4 12 /);
  });

  it.each([0, 1, 2, 3, 4])('has %i serial ports', ports => {
    expect(count(amlOf(1, ports), SERIAL_PORT)).toBe(ports);
  });

  it('says that serial ports share an interrupt only where they do', () => {
    const com1 = '47 01 f8 03 f8 03 01 08';
    const com2 = '47 01 f8 02 f8 02 01 08';
    const com3 = '47 01 e8 03 e8 03 01 08';
    expect(count(amlOf(1, 2), `${com1} 22 10 00`)).toBe(1);
    expect(count(amlOf(1, 2), `${com2} 22 08 00`)).toBe(1);
    const three = amlOf(1, 3);
    expect(count(three, `${com1} 23 10 00 11`)).toBe(1);
    expect(count(three, `${com3} 23 10 00 11`)).toBe(1);
    expect(count(three, `${com2} 22 08 00`)).toBe(1);
  });
});
