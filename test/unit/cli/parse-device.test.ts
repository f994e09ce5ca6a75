import { describe, expect, it } from 'vitest';
import {
  applyDevices,
  DeviceHelp,
  parseDevice,
  type DeviceFlags,
} from '../../../src/cli/devices/parse-device.js';

/** The words are QEMU's: `qemu-system-x86_64 -device NAME,help`. */

function apply(devices: readonly string[], flags: DeviceFlags = {}): DeviceFlags {
  return applyDevices({ ...flags, device: devices.map(parseDevice) });
}

function helpOf(text: string): string {
  try {
    parseDevice(text);
  } catch (error) {
    if (error instanceof DeviceHelp) return error.text;
    throw error;
  }
  throw new Error(`${text} is not a question`);
}

describe('--device', () => {
  it('adds to the disk whose id it names, and leaves the others alone', () => {
    const disk = ['a,,b.img,id=one,readonly', 'b.qcow2,format=qcow2,id=two', 'c.img'];
    const devices = [
      'virtio-blk-pci,drive=two,serial=X1,num-queues=2,vectors=0,disable-legacy=on,packed=off,write-cache=off',
    ];
    expect(apply(devices, { disk }).disk).toEqual([
      'a,,b.img,readonly',
      'b.qcow2,format=qcow2,serial=X1,num-queues=2,vectors=0,packed=off,cache=writethrough,interface=modern',
      'c.img',
    ]);
  });

  it('adds to the card whose network it names', () => {
    const net = ['user,id=n0,hostfwd=tcp::8080-:80'];
    const devices = ['virtio-net-pci,netdev=n0,mac=52:54:00:00:00:01,host_mtu=1400,disable-modern=on'];
    expect(apply(devices, { net }).net).toEqual([
      'user,hostfwd=tcp::8080-:80,mac=52:54:00:00:00:01,mtu=1400,interface=legacy',
    ]);
  });

  it.each([
    ['virtio-rng', true],
    ['virtio-rng-pci', 'transitional'],
    ['virtio-rng-pci,disable-legacy=on', 'modern'],
    ['virtio-rng-pci-non-transitional', 'modern'],
    ['virtio-rng-device', 'mmio'],
  ])('%s is a source of entropy', (device, rng) => {
    expect(apply([device]).rng).toBe(rng);
  });

  it('takes what every machine has where it is', () => {
    const devices = ['isa-debug-exit,iobase=0xf4,iosize=4', 'pvpanic', 'isa-debugcon,iobase=0xe9'];
    expect(() => apply(devices)).not.toThrow();
  });

  it('tells what there is, and each device’s properties', () => {
    expect(helpOf('help')).toMatch(/^name "virtio-blk-pci", bus PCI, Virtio block device$/m);
    expect(helpOf('virtio-blk-pci,help')).toMatch(/^virtio-blk-pci options:\n {2}drive=</);
    expect(helpOf('virtio-rng,?')).toBe('There are no options for virtio-rng.\n');
  });

  it.each([
    [['e1000'], "--device: there is no 'e1000': --device help lists what there is"],
    [
      ['virtio-blk-pci,colour=red'],
      "--device virtio-blk-pci has no property 'colour': --device virtio-blk-pci,help lists them",
    ],
    [['virtio-blk-pci'], '--device virtio-blk-pci needs drive=, the id= of a --disk'],
    [['virtio-blk-pci,drive=x'], '--device virtio-blk-pci: there is no --disk with id=x'],
    [['virtio-net-pci,netdev=d'], '--device virtio-net-pci: there is no --net with id=d'],
    [
      ['virtio-blk-pci,drive=d', 'virtio-blk-pci,drive=d'],
      '--device virtio-blk-pci: drive=d has a device already',
    ],
    [
      ['virtio-blk-pci,drive=d,disable-legacy=on,disable-modern=on'],
      '--device virtio-blk-pci: disable-legacy and disable-modern leave it no interface',
    ],
    [['virtio-blk-pci,drive=d,disable-legacy=maybe'], "--device: disable-legacy is on or off, not 'maybe'"],
    [
      ['virtio-rng', 'virtio-rng-pci'],
      '--device virtio-rng-pci: the machine has a source of entropy already',
    ],
    [['isa-debug-exit,iobase=0x501'], "--device isa-debug-exit: iobase is 0xf4, not '0x501'"],
  ])('%j is refused', (devices, message) => {
    expect(() => apply(devices, { disk: ['d.img,id=d'] })).toThrow(message);
  });

  it('refuses two disks of one id', () => {
    expect(() => apply([], { disk: ['a,id=x', 'b,id=x'] })).toThrow('two --disk have id=x');
  });
});
