import { describe, expect, it } from 'vitest';
import { MICROVM, PC } from '../vmm/machine/parts.js';
import * as aml from '../../../src/acpi/aml.js';
import { buildAcpiTables } from '../../../src/acpi/index.js';
import { table } from '../../../src/acpi/table.js';
import { COM_PORTS } from '../../../src/devices/legacy/com-ports.js';
import { compile, disassemble, IASL } from './iasl.js';

/** The oracle of this file is ACPICA's iasl, which Linux's and OSv's interpreter comes from too. */
const TITLE = IASL ? 'iasl' : 'iasl, which is not installed (Debian: acpica-tools)';

const CHECKSUM = 9;
const CREATOR = { from: 28, to: 36 };

/** What iasl writes its own name over, and the checksum that comes of it. */
function withoutCreator(bytes: Uint8Array): Uint8Array {
  const copy = Uint8Array.from(bytes);
  copy[CHECKSUM] = 0;
  return copy.fill(0, CREATOR.from, CREATOR.to);
}

/** Disassembles a table and compiles it again. @returns its source without comments and line breaks */
async function roundTrip(bytes: Uint8Array): Promise<string> {
  const source = await disassemble(bytes);
  expect(withoutCreator(await compile(source))).toEqual(withoutCreator(bytes));
  return source
    .replaceAll(/\/\*[^]*?\*\//g, '')
    .replaceAll(/\/\/.*/g, '')
    .replaceAll(/\s+/g, ' ');
}

describe.skipIf(!IASL)(TITLE, () => {
  describe.each([
    { cpus: 1, ports: 1 },
    { cpus: 4, ports: 4 },
    { cpus: 254, ports: 2 },
  ])('with $cpus CPUs and $ports serial ports', ({ cpus, ports }) => {
    const { tables, rsdp } = buildAcpiTables({ cpus, serialPorts: COM_PORTS.slice(0, ports), parts: PC });
    const bytesOf = (name: string): Uint8Array => tables.find(each => each.name === name)!.bytes;
    const gpaOf = (name: string): string =>
      tables
        .find(each => each.name === name)!
        .gpa.toString(16)
        .toUpperCase();

    it.each(['DSDT', 'FADT', 'MADT', 'HPET', 'SPCR', 'MCFG', 'RSDT', 'XSDT'])(
      'reads %s and writes it again',
      async name => {
        await roundTrip(bytesOf(name));
      },
    );

    it('reads the FACS and writes it again, all of it', async () => {
      const facs = bytesOf('FACS');
      expect(Uint8Array.from(await compile(await disassemble(facs)))).toEqual(Uint8Array.from(facs));
    });

    it('makes the same RSDP, which it does not disassemble, with the same checksums', async () => {
      const source = `
        [0008] Signature : "RSD PTR "
        [0001] Checksum : 00
        [0006] Oem ID : "TSVMM "
        [0001] Revision : 02
        [0004] RSDT Address : ${gpaOf('RSDT').padStart(8, '0')}
        [0004] Length : 00000024
        [0008] XSDT Address : ${gpaOf('XSDT').padStart(16, '0')}
        [0001] Extended Checksum : 00
        [0003] Reserved : 000000
      `;
      expect(rsdp).toBe(tables[0].gpa);
      expect(Uint8Array.from(await compile(source))).toEqual(Uint8Array.from(tables[0].bytes));
    });
  });

  it('reads the DSDT as it is meant', async () => {
    const { tables } = buildAcpiTables({ cpus: 2, serialPorts: COM_PORTS.slice(0, 3), parts: PC });
    const source = await roundTrip(tables.find(({ name }) => name === 'DSDT')!.bytes);
    const expected = [
      'DefinitionBlock ("", "DSDT", 2, "TSVMM ", "TSVMMPC ", 0x00000001)',
      'Name (\\_S5, Package (0x04) { Zero, Zero, Zero, Zero })',
      'Scope (\\_SB) {',
      'Device (C000) { Name (_HID, "ACPI0007" ) Name (_UID, Zero) }',
      'Device (C001) { Name (_HID, "ACPI0007" ) Name (_UID, One) }',
      'Device (RTC) { Name (_HID, EisaId ("PNP0B00") ) Name (_CRS, ResourceTemplate () { IO (Decode16, 0x0070, 0x0070, 0x01, 0x02, ) IRQNoFlags () {8} }) }',
      'Device (TIMR) { Name (_HID, EisaId ("PNP0100") ) Name (_CRS, ResourceTemplate () { IO (Decode16, 0x0040, 0x0040, 0x01, 0x04, ) IRQNoFlags () {0} }) }',
      'Device (HPET) { Name (_HID, EisaId ("PNP0103") ) Name (_UID, Zero) Name (_CRS, ResourceTemplate () { Memory32Fixed (ReadWrite, 0xFED00000, 0x00000400, ) }) }',
      'Device (PEVT) { Name (_HID, "QEMU0001") Name (_CRS, ResourceTemplate () { IO (Decode16, 0x0505, 0x0505, 0x01, 0x01, ) }) Method (_STA, 0, NotSerialized) { Return (0x0F) } }',
      'Device (KBD) { Name (_HID, EisaId ("PNP0303") ) Name (_CRS, ResourceTemplate () { IO (Decode16, 0x0060, 0x0060, 0x01, 0x01, ) IO (Decode16, 0x0064, 0x0064, 0x01, 0x01, ) IRQNoFlags () {1} }) }',
      'Device (COM1) { Name (_HID, EisaId ("PNP0501") ) Name (_UID, One) Name (_CRS, ResourceTemplate () { IO (Decode16, 0x03F8, 0x03F8, 0x01, 0x08, ) IRQ (Edge, ActiveHigh, Shared, ) {4} }) }',
      'Device (COM2) { Name (_HID, EisaId ("PNP0501") ) Name (_UID, 0x02) Name (_CRS, ResourceTemplate () { IO (Decode16, 0x02F8, 0x02F8, 0x01, 0x08, ) IRQNoFlags () {3} }) }',
      'Device (COM3) { Name (_HID, EisaId ("PNP0501") ) Name (_UID, 0x03) Name (_CRS, ResourceTemplate () { IO (Decode16, 0x03E8, 0x03E8, 0x01, 0x08, ) IRQ (Edge, ActiveHigh, Shared, ) {4} }) }',
      'Device (PCI0) { Name (_HID, EisaId ("PNP0A03") ) Name (_UID, Zero) Name (_BBN, Zero)',
      'WordBusNumber (ResourceProducer, MinFixed, MaxFixed, PosDecode, 0x0000, 0x0000, 0x0000, 0x0000, 0x0001, ,, ) IO (Decode16, 0x0CF8, 0x0CF8, 0x01, 0x08, ) WordIO (ResourceProducer, MinFixed, MaxFixed, PosDecode, EntireRange, 0x0000, 0xC000, 0xFFFF, 0x0000, 0x4000, ,, , TypeStatic, DenseTranslation) DWordMemory (ResourceProducer, PosDecode, MinFixed, MaxFixed, NonCacheable, ReadWrite, 0x00000000, 0xC0000000, 0xDFFFFFFF, 0x00000000, 0x20000000, ,, , AddressRangeMemory, TypeStatic)',
      'Package (0x04) { 0x0002FFFF, Zero, Zero, 0x05 }, Package (0x04) { 0x0002FFFF, One, Zero, 0x0A }',
      'Device (ECAM) { Name (_HID, EisaId ("PNP0C02") ) Name (_UID, Zero) Name (_CRS, ResourceTemplate () { Memory32Fixed (ReadWrite, 0xE0000000, 0x00100000, ) }) }',
    ];
    for (const part of expected) expect(source).toContain(part);
  });

  it('reads the DSDT of a microvm as it is meant', async () => {
    const parts = { ...MICROVM, mmioSlots: 17 };
    const { tables } = buildAcpiTables({ cpus: 1, serialPorts: [], parts });
    expect(tables.map(({ name }) => name)).not.toContain('MCFG');
    const source = await roundTrip(tables.find(({ name }) => name === 'DSDT')!.bytes);
    const expected = [
      'Device (VR00) { Name (_HID, "LNRO0005") Name (_UID, Zero) Name (_CCA, One) Name (_CRS, ResourceTemplate () { Memory32Fixed (ReadWrite, 0xFEB00000, 0x00001000, ) Interrupt (ResourceConsumer, Level, ActiveHigh, Shared, ,, ) { 0x00000010, } }) }',
      'Device (VR01) { Name (_HID, "LNRO0005") Name (_UID, One) Name (_CCA, One) Name (_CRS, ResourceTemplate () { Memory32Fixed (ReadWrite, 0xFEB01000, 0x00001000, ) Interrupt (ResourceConsumer, Level, ActiveHigh, Exclusive, ,, ) { 0x00000011, } }) }',
    ];
    for (const part of expected) expect(source).toContain(part);
    for (const absent of ['PCI0', 'HPET', 'TIMR', 'KBD']) expect(source).not.toContain(absent);
  });

  it('reads every construct of the AML builder as it is meant', async () => {
    const { argument, integer, local, name } = aml;
    const levelLow = { trigger: 'level', polarity: 'low', sharing: 'shared' } as const;
    const edgeHigh = { trigger: 'edge', polarity: 'high', sharing: 'exclusive' } as const;
    const source = await roundTrip(
      table(
        'DSDT',
        2,
        aml.scope(
          '\\_SB',
          aml.device(
            'LNKA',
            name('_HID', aml.eisaId('PNP0C0F')),
            name('_UID', integer(0)),
            name('_PRS', aml.resourceTemplate(aml.interrupt(5, levelLow))),
            name('_CRS', aml.resourceTemplate(aml.interrupt(5, levelLow))),
            aml.method('_SRS', { argumentCount: 1 }),
            aml.method('_DIS', {}),
          ),
          aml.device(
            'PCI0',
            name('_HID', aml.eisaId('PNP0A08')),
            name('_CID', aml.eisaId('PNP0A03')),
            name('_UID', integer(0)),
            name('_SEG', integer(0)),
            name('_BBN', integer(0)),
            name('SUPP', integer(0)),
            name(
              '_CRS',
              aml.resourceTemplate(
                aml.wordBusNumber(0, 255),
                aml.io(0xcf8, 8),
                aml.wordIo(0, 0xcf8),
                aml.dwordMemory(0xc000_0000, 0x2000_0000),
                aml.dwordMemory(0xa_0000, 0x2_0000, 'cacheable'),
                aml.qwordMemory(2n ** 39n, 2n ** 38n, 'prefetchable'),
              ),
            ),
            name(
              '_PRT',
              aml.interruptRoutingTable([
                { device: 1, pin: 0, gsi: 16 },
                { device: 31, pin: 3, link: 'LNKA' },
              ]),
            ),
            aml.method(
              '_OSC',
              { argumentCount: 4, serialized: true },
              aml.createDWordField(argument(3), integer(0), 'CDW1'),
              aml.createDWordField(argument(3), integer(4), 'CDW2'),
              aml.ifElse(
                aml.lEqual(argument(0), aml.uuid('33db4d5b-1ff7-401c-9657-7441c03dd766')),
                [
                  aml.store(aml.reference('CDW2'), aml.reference('SUPP')),
                  aml.and(aml.reference('CDW2'), integer(0x1f), local(0)),
                  aml.store(local(0), aml.reference('CDW2')),
                  aml.ifElse(aml.lNot(aml.lEqual(argument(1), aml.ones)), [
                    aml.or(aml.reference('CDW1'), integer(8), aml.reference('CDW1')),
                  ]),
                ],
                [aml.or(aml.reference('CDW1'), integer(4), aml.reference('CDW1'))],
              ),
              aml.returnValue(argument(3)),
            ),
          ),
          aml.device(
            'VIO0',
            name('_HID', aml.string('LNRO0005')),
            name('_UID', integer(0x1_0000)),
            name('BIG', integer(0x1234_5678_9abcn)),
            name('DATA', aml.buffer(Uint8Array.of(1, 2, 3))),
            name('LIST', aml.packageOf(integer(0x1234), aml.string('text'), aml.reference('\\_SB.LNKA'))),
            name(
              '_CRS',
              aml.resourceTemplate(
                aml.memory32Fixed(0xd000_0000, 0x200),
                aml.interrupt(16, edgeHigh),
                aml.irq(9, levelLow),
                aml.irq(4, edgeHigh),
              ),
            ),
            aml.method('_STA', {}, aml.returnValue(integer(0x0f))),
            aml.method(
              'TEST',
              { argumentCount: 2 },
              aml.store(aml.not(argument(0)), local(7)),
              aml.ifElse(
                aml.lAnd(
                  aml.lOr(aml.lLess(argument(0), argument(1)), aml.lGreater(local(7), integer(1))),
                  integer(1),
                ),
                [aml.notify(aml.reference('^'), integer(0x80))],
              ),
              aml.returnValue(aml.or(aml.call('_STA'), aml.and(argument(0), argument(1)))),
            ),
            aml.method(
              'DEEP',
              {},
              aml.returnValue(aml.call('\\_SB.VIO0.TEST', integer(1), aml.not(integer(2)))),
            ),
          ),
        ),
      ),
    );
    const osc =
      'If (LEqual (Arg0, ToUUID ("33db4d5b-1ff7-401c-9657-7441c03dd766") )) { ' +
      'Store (CDW2, SUPP) And (CDW2, 0x1F, Local0) Store (Local0, CDW2) ' +
      'If (LNotEqual (Arg1, Ones)) { Or (CDW1, 0x08, CDW1) } } Else { Or (CDW1, 0x04, CDW1) } Return (Arg3) }';
    const expected = [
      'Device (LNKA) { Name (_HID, EisaId ("PNP0C0F") ) Name (_UID, Zero)',
      'Name (_PRS, ResourceTemplate () { Interrupt (ResourceConsumer, Level, ActiveLow, Shared, ,, ) { 0x00000005, } })',
      'Method (_SRS, 1, NotSerialized) { } Method (_DIS, 0, NotSerialized) { }',
      'Name (_CID, EisaId ("PNP0A03") )',
      'WordBusNumber (ResourceProducer, MinFixed, MaxFixed, PosDecode, 0x0000, 0x0000, 0x00FF, 0x0000, 0x0100, ,, )',
      'IO (Decode16, 0x0CF8, 0x0CF8, 0x01, 0x08, )',
      'WordIO (ResourceProducer, MinFixed, MaxFixed, PosDecode, EntireRange, 0x0000, 0x0000, 0x0CF7, 0x0000, 0x0CF8, ,, , TypeStatic, DenseTranslation)',
      'DWordMemory (ResourceProducer, PosDecode, MinFixed, MaxFixed, NonCacheable, ReadWrite, 0x00000000, 0xC0000000, 0xDFFFFFFF, 0x00000000, 0x20000000, ,, , AddressRangeMemory, TypeStatic)',
      'DWordMemory (ResourceProducer, PosDecode, MinFixed, MaxFixed, Cacheable, ReadWrite, 0x00000000, 0x000A0000, 0x000BFFFF, 0x00000000, 0x00020000, ,, , AddressRangeMemory, TypeStatic)',
      'QWordMemory (ResourceProducer, PosDecode, MinFixed, MaxFixed, Prefetchable, ReadWrite, 0x0000000000000000, 0x0000008000000000, 0x000000BFFFFFFFFF, 0x0000000000000000, 0x0000004000000000, ,, , AddressRangeMemory, TypeStatic)',
      'Name (_PRT, Package (0x02) { Package (0x04) { 0x0001FFFF, Zero, Zero, 0x10 }, Package (0x04) { 0x001FFFFF, 0x03, LNKA, Zero } })',
      `Method (_OSC, 4, Serialized) { CreateDWordField (Arg3, Zero, CDW1) CreateDWordField (Arg3, 0x04, CDW2) ${osc}`,
      'Name (_HID, "LNRO0005") Name (_UID, 0x00010000) Name (BIG, 0x0000123456789ABC) Name (DATA, Buffer (0x03) { 0x01, 0x02, 0x03 })',
      'Name (LIST, Package (0x03) { 0x1234, "text", \\_SB.LNKA })',
      'Memory32Fixed (ReadWrite, 0xD0000000, 0x00000200, )',
      'Interrupt (ResourceConsumer, Edge, ActiveHigh, Exclusive, ,, ) { 0x00000010, }',
      'IRQ (Level, ActiveLow, Shared, ) {9} IRQ (Edge, ActiveHigh, Exclusive, ) {4}',
      'Method (_STA, 0, NotSerialized) { Return (0x0F) }',
      'Store (Not (Arg0), Local7) If (LAnd (LOr (LLess (Arg0, Arg1), LGreater (Local7, One)), One)) { Notify (^, 0x80) }',
      'Return (Or (_STA (), And (Arg0, Arg1)))',
      'Return (\\_SB.VIO0.TEST (One, Not (0x02)))',
    ];
    for (const part of expected) expect(source).toContain(part);
  });
});
