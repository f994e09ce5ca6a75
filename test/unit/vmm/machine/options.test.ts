import { describe, expect, it } from 'vitest';
import { MICROVM, PC } from './parts.js';
import { ConfigError } from '../../../../src/errors.js';
import type { DiskOption } from '../../../../src/vmm/machine/disk-options.js';
import { checkOptions, parseSize, type MachineOptions } from '../../../../src/vmm/machine/options.js';

describe('a size', () => {
  it.each<[string | number, number]>([
    [4096, 4096],
    ['4096', 4096],
    ['64k', 65_536],
    ['256M', 256 << 20],
    ['256m', 256 << 20],
    ['2G', 2 ** 31],
    ['1T', 2 ** 40],
    ['1.5G', 1.5 * 2 ** 30],
    ['0.5k', 512],
    [' 64M ', 64 << 20],
    ['64MB', 64 << 20],
    ['64MiB', 64 << 20],
    ['100B', 100],
  ])('%j is %d bytes', (text, bytes) => {
    expect(parseSize(text)).toBe(bytes);
  });

  it.each([
    '',
    'M',
    '-1M',
    '+1M',
    '1 M',
    '1e6',
    '0x100',
    '1.M',
    '.5G',
    '1,5G',
    '1P',
    '64MM',
    '64iB2',
    'NaN',
    'Infinity',
    '1M\n2',
  ])('is not %j', text => {
    expect(() => parseSize(text)).toThrow(ConfigError);
    expect(() => parseSize(text)).toThrow(/is not a size: write 512M, 2G/);
  });
});

describe('options', () => {
  const kernel = 'kernel.elf';

  it('have defaults', () => {
    expect(checkOptions({ kernel })).toEqual({
      kernel,
      memoryBytes: 256 << 20,
      cpus: 1,
      accel: 'auto',
      boot: 'auto',
      serialPorts: 1,
      append: '',
      acpi: true,
      onReset: 'end',
      onPanic: 'exit-failure',
      machine: { type: 'pc' },
      parts: PC,
      cpu: { kvmclock: true, kvm: true },
      disks: [],
      networks: [],
      rng: undefined,
      consoles: [],
      consoleInterface: undefined,
    });
  });

  it('count instructions by default from 2000 on, 1 ns each', () => {
    const counting = { shift: 0, epoch: Date.UTC(2000, 0), seed: 0 };
    expect(checkOptions({ kernel, icount: true }).icount).toEqual(counting);
    expect(checkOptions({ kernel, icount: { seed: 7 } }).icount).toEqual({ ...counting, seed: 7 });
    expect(checkOptions({ kernel, icount: false }).icount).toBeUndefined();
  });

  it.each([
    [{ shift: 11 }, /icount shift must be between 0 and 10/],
    [{ shift: 0.5 }, /icount shift must be/],
    [{ seed: -1 }, /icount seed must be/],
    [{ epoch: Date.UTC(2100, 0) }, /icount epoch must be/],
  ])('count instructions by %j: refused', (icount, message) => {
    expect(() => checkOptions({ kernel, icount })).toThrow(message);
  });

  it('refuse to count instructions on a real processor', () => {
    expect(() => checkOptions({ kernel, icount: true, accel: 'kvm' })).toThrow(ConfigError);
    expect(() => checkOptions({ kernel, icount: {}, kvmDevice: '/dev/kvm' })).toThrow(ConfigError);
  });

  it('are kept as given', () => {
    const options = {
      kernel,
      memory: '1G',
      cpus: 254,
      accel: 'kvm',
      boot: 'pvh',
      serialPorts: 4,
      append: 'console=ttyS0',
      acpi: false,
      timeoutMs: 2 ** 31 - 1,
      exitOn: /login/,
      devices: [{ port: 0xffff, size: 1, irq: 23, device: {} }],
    } satisfies MachineOptions;
    expect(checkOptions(options)).toEqual({
      ...options,
      onReset: 'end',
      onPanic: 'exit-failure',
      memoryBytes: 2 ** 30,
      machine: { type: 'pc' },
      parts: PC,
      cpu: { kvmclock: true, kvm: true },
      disks: [],
      networks: [],
      rng: undefined,
      consoles: [],
      consoleInterface: undefined,
    });
  });

  it('refuse an unknown thing to do at a reset', () => {
    expect(() => checkOptions({ kernel, onReset: 'stop' as never })).toThrow(
      /one of end, reboot, not 'stop'/,
    );
  });

  it('give a disk as many queues as there are vCPUs, and refuse disks that make no sense', () => {
    const [disk] = checkOptions({ kernel, cpus: 3, disks: [{ file: 'disk.img' }] }).disks;
    expect(disk).toEqual({
      file: 'disk.img',
      format: undefined,
      readOnly: false,
      snapshot: false,
      serial: '',
      interface: 'transitional',
      queues: 3,
      queueSize: 256,
      logicalBlockSize: 512,
      physicalBlockSize: 512,
      discard: 'unmap',
      cache: 'writeback',
      throttling: {},
      hidden: 0n,
      vectors: undefined,
    });
    const [odd] = checkOptions({
      kernel,
      disks: [{ file: 'd', ring: { packed: false, queue_reset: true } }],
    }).disks;
    expect(odd.hidden).toBe(1n << 34n);
    const refused: readonly (readonly [readonly DiskOption[], RegExp])[] = [
      [[{ file: '' }], /needs the path/],
      [[{ file: 'd', serial: 'x'.repeat(21) }], /20 ASCII characters/],
      [[{ file: 'd', serial: 'Zähler' }], /20 ASCII characters/],
      [[{ file: 'd', queues: 65 }], /1 to 64 queues, not 65/],
      [[{ file: 'd', queues: NaN }], /1 to 64 queues/],
      [[{ file: 'd', vectors: 2049 }], /0 to 2048 vectors, not 2049/],
      [
        [{ file: 'd', vectors: 2, interface: 'mmio' }],
        /vectors on the PCI bus alone, not with interface 'mmio'/,
      ],
      [[{ file: 'd', format: 'vmdk' as 'raw' }], /format is one of raw, qcow2, not 'vmdk'/],
      [[{ file: 'd', queueSize: 100 }], /queue size is a power of two from 4 to 1024, not 100/],
      [[{ file: 'd', logicalBlockSize: 256 }], /logical block size is a power of two from 512/],
      [[{ file: 'd', logicalBlockSize: 4096, physicalBlockSize: 512 }], /physical block size .* from 4096/],
      [[{ file: 'd', discard: 'on' as 'unmap' }], /discard is one of unmap, ignore, not 'on'/],
      [[{ file: 'd', throttling: { iopsRead: 0 } }], /iopsRead is 1 or more, not 0/],
      [[{ file: 'd', ring: { split: true } as object }], /there is no 'split' of queues: packed, /],
    ];
    for (const [disks, why] of refused) expect(() => checkOptions({ kernel, disks })).toThrow(why);
  });

  it('put virtio devices on the bus that the machine has', () => {
    const disks = [{ file: 'a' }, { file: 'b' }];
    const kinds = (options: Partial<MachineOptions>): unknown[] => {
      const checked = checkOptions({ kernel, rng: true, disks, ...options });
      return [...checked.disks.map(disk => disk.interface), checked.rng, checked.parts.mmioSlots];
    };
    expect(kinds({})).toEqual(['transitional', 'transitional', 'transitional', 0]);
    expect(kinds({ machine: 'microvm' })).toEqual(['mmio', 'mmio', 'mmio', 3]);
    expect(kinds({ pci: false })).toEqual(['mmio', 'mmio', 'mmio', 3]);
    expect(kinds({ disks: [{ file: 'a', interface: 'mmio-legacy' }] })).toEqual([
      'mmio-legacy',
      'transitional',
      1,
    ]);
  });

  it('know what a machine of each type has', () => {
    expect(checkOptions({ kernel, machine: 'microvm' }).parts).toEqual(MICROVM);
    expect(MICROVM).toMatchObject({ pci: false, pic: false, pit: false, rtc: true, keyboard: false });
    expect(PC).toMatchObject({ pci: true, pic: true, pit: true, rtc: true, keyboard: true });
    expect(PC.hpet).toEqual({ width: 64, timers: 3, msi: true });
    expect(MICROVM.hpet).toBeUndefined();
    expect(checkOptions({ kernel, hpet: false }).parts.hpet).toBeUndefined();
    const custom = checkOptions({ kernel, machine: 'microvm', hpet: { width: 32, timers: 32 } });
    expect(custom.parts.hpet).toEqual({ width: 32, timers: 32, msi: true });
    const { parts } = checkOptions({ kernel, machine: { type: 'microvm', pit: true, rtc: false } });
    expect(parts).toMatchObject({ pic: false, pit: true, rtc: false });
  });

  it.each<[Partial<MachineOptions>, RegExp]>([
    [{ machine: 'q35' as 'pc' }, /^machine must be one of pc, microvm, not 'q35'$/],
    [
      { machine: { type: 'pc', hostBridge: 'i440fx' as 'hostbridge' } },
      /^a host bridge is one of hostbridge, amd_hostbridge, not 'i440fx'$/,
    ],
    [{ onPanic: 'pause' as 'none' }, /^onPanic must be one of exit-failure, shutdown, none/],
    [{ hpet: { timers: 2 } }, /^an HPET has 3 to 32 timers, not 2$/],
    [{ hpet: { timers: 33 } }, /^an HPET has 3 to 32 timers, not 33$/],
    [{ hpet: { width: 48 as 64 } }, /^an HPET's main counter has 32 or 64 bits, not 48$/],
    [{ machine: 'microvm', pci: true }, /^a microvm has no PCI bus/],
    [{ machine: 'microvm', disks: [{ file: 'd', interface: 'modern' }] }, /^a disk's interface is 'modern'/],
    [{ disks: [{ file: 'd', interface: 'scsi' as 'modern' }] }, /^a disk's interface is one of/],
    [
      { machine: 'microvm', disks: Array.from({ length: 65 }, () => ({ file: 'd' })) },
      /^a machine has up to 64 virtio-mmio devices, not 65$/,
    ],
  ])('refuse %j', (options, message) => {
    const check = (): unknown => checkOptions({ kernel, ...options });
    expect(check).toThrow(ConfigError);
    expect(check).toThrow(message);
  });

  const device = {};
  it.each<[string, Partial<MachineOptions>, RegExp]>([
    ['no CPU', { cpus: 0 }, /^cpus must be between 1 and 254, not 0$/],
    ['more CPUs than xAPIC ids', { cpus: 255 }, /^cpus must be/],
    ['a part of a CPU', { cpus: 1.5 }, /^cpus must be/],
    ['CPUs that are no number', { cpus: NaN }, /^cpus must be/],
    ['CPUs as text', { cpus: '2' as unknown as number }, /^cpus must be/],
    ['no serial port', { serialPorts: 0 }, /^serialPorts must be between 1 and 4/],
    ['five serial ports', { serialPorts: 5 }, /^serialPorts must be/],
    [
      'an unknown accelerator',
      { accel: 'tcg' as 'kvm' },
      /^accel must be auto or one of .*kvm.*, not 'tcg'$/,
    ],
    [
      'an unknown boot protocol',
      { boot: 'uefi' as 'pvh' },
      /^boot must be auto or one of .*pvh.*, not 'uefi'$/,
    ],
    ['NUL in the command line', { append: 'a\0b' }, /NUL/],
    ['no time at all', { timeoutMs: 0 }, /^timeout must be/],
    ['a time in the past', { timeoutMs: -1 }, /^timeout must be/],
    ['a time that is no number', { timeoutMs: NaN }, /^timeout must be/],
    ['a time without end', { timeoutMs: Infinity }, /^timeout must be/],
    ['a time that would end at once', { timeoutMs: 2 ** 31 }, /^timeout must be/],
    ['a size that is none', { memory: 'lots' }, /'lots' is not a size/],
    ['a port beyond the last', { devices: [{ port: 0x1_0000, size: 1, device }] }, /^port must be/],
    ['a port that is no number', { devices: [{ port: NaN, size: 1, device }] }, /^port must be/],
    ['an address below 0', { devices: [{ address: -1, size: 1, device }] }, /^address must be/],
    ['no place at all', { devices: [{ size: 1, device } as never] }, /^address must be/],
    ['a device of no size', { devices: [{ port: 0x500, size: 0, device }] }, /^size must be/],
    [
      'an interrupt that the board has not',
      { devices: [{ port: 0x500, size: 1, irq: 24, device }] },
      /^irq must be/,
    ],
  ])('are refused with one line: %s', (_, options, message) => {
    const check = (): unknown => checkOptions({ kernel, ...options });
    expect(check).toThrow(ConfigError);
    expect(check).toThrow(message);
  });
});
