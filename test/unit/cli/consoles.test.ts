import { describe, expect, it } from 'vitest';
import { planConsoles, type ConsoleFlags } from '../../../src/cli/devices/consoles.js';
import { parseDevice } from '../../../src/cli/devices/parse-device.js';

/** The words are QEMU's: `qemu-system-x86_64 -device virtconsole,help`, and its manual on -chardev. */

function plan(devices: readonly string[], flags: Omit<ConsoleFlags, 'device'> = {}) {
  return planConsoles({ ...flags, device: devices.map(parseDevice) });
}

describe('consoles by --device', () => {
  it('are ports of the console device, behind those of --console', () => {
    const { ports, device } = plan(
      ['virtio-serial-pci,id=vs', 'virtserialport,chardev=a,name=org.x,bus=vs.0', 'virtconsole,chardev=b'],
      {
        console: ['pty'],
        chardev: ['socket,path=a.sock,server=on,wait=off,id=a', 'file,path=out,,put,id=b'],
      },
    );
    expect(
      ports.map(({ option, spec }) => ({ ...option, ...spec, kind: option.kind, to: spec.kind })),
    ).toEqual([
      { kind: 'console', to: 'pty' },
      { kind: 'port', name: 'org.x', to: 'unix', path: 'a.sock' },
      { kind: 'console', to: 'file', path: 'out,put' },
    ]);
    expect(device).toBe('transitional');
  });

  it('change the --console whose id they name', () => {
    const { ports, device } = plan(['virtserialport,chardev=agent'], {
      console: ['stdio', 'unix:s,name=n,id=agent'],
    });
    expect(ports.map(({ option }) => option)).toEqual([{ kind: 'console' }, { kind: 'port', name: 'n' }]);
    expect(device).toBe(false);
  });

  it.each([
    ['virtio-serial', true],
    ['virtio-serial-pci,disable-legacy=on', 'modern'],
    ['virtio-serial-pci-non-transitional', 'modern'],
    ['virtio-serial-device,max_ports=4', 'mmio'],
  ])('%s says how the guest reaches it', (text, device) => {
    expect(plan([text]).device).toBe(device);
  });

  it('are where serial ports can be', () => {
    const { serial } = plan([], { serial: ['none', 'chardev:log'], chardev: ['file,id=log,path=l'] });
    expect(serial).toEqual(['none', 'file:l']);
  });

  const c0 = { chardev: ['stdio,id=c0'] };
  it.each<[readonly string[], Omit<ConsoleFlags, 'device'>, string]>([
    [['virtconsole'], {}, '--device virtconsole needs chardev=, the id= of a --chardev or --console'],
    [['virtconsole,chardev=x'], c0, '--device virtconsole: there is no --chardev or --console with id=x'],
    [['virtconsole,nr=1'], {}, "--device virtconsole has no property 'nr'"],
    [
      ['virtconsole,chardev=c0', 'virtserialport,chardev=c0'],
      c0,
      '--device virtserialport: chardev=c0 has a device already',
    ],
    [
      ['virtconsole,chardev=c0'],
      { ...c0, serial: ['chardev:c0'] },
      '--serial: chardev=c0 has a device already',
    ],
    [['virtio-serial', 'virtio-serial-pci'], {}, 'the machine has a console device already'],
    [
      ['virtconsole,chardev=c0,bus=a.0'],
      c0,
      "there is no bus 'a.0': a virtio-serial device with an id= has one",
    ],
    [
      ['virtio-serial,id=b', 'virtconsole,chardev=c0,bus=a.0'],
      c0,
      "--device virtconsole: there is no bus 'a.0': there is b.0",
    ],
    [['virtio-serial,max_ports=0'], {}, "max_ports is 1 to 31, not '0'"],
    [['virtio-serial,max_ports=1'], { console: ['none', 'none'] }, 'there are 2 ports, and max_ports is 1'],
    [[], c0, '--chardev: nothing names id=c0'],
    [[], { serial: ['chardev:x'] }, '--serial chardev:x: there is no --chardev with id=x'],
    [[], { console: ['none,id=a', 'pty,id=a'] }, 'two --chardev or --console have id=a'],
    [[], { console: ['none,colour=red'] }, "--console: 'colour=red' is not understood"],
    [
      [],
      { chardev: ['spicevmc,id=a'] },
      "--chardev: there is no 'spicevmc': take stdio, pty, null, file, socket",
    ],
    [[], { chardev: ['pty'] }, '--chardev pty needs an id=, by which a device names it'],
    [[], { chardev: ['pty,id=a,path=b'] }, "--chardev pty has no property 'path'"],
    [[], { chardev: ['file,id=a'] }, '--chardev file needs a path='],
    [[], { chardev: ['file,id=a,path=b,append=on'] }, 'append=on is not to be had'],
    [[], { chardev: ['socket,id=a,path=b'] }, 'write server=on'],
    [[], { chardev: ['socket,id=a,path=b,server,wait=on'] }, 'write wait=off'],
    [
      [],
      { chardev: ['socket,id=a,path=b,server=maybe'] },
      "--chardev socket: server is on or off, not 'maybe'",
    ],
  ])('%j with %j is refused', (devices, flags, message) => {
    expect(() => plan(devices, flags)).toThrow(message);
  });
});
