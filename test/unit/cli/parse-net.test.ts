import { describe, expect, it } from 'vitest';
import { parseNet } from '../../../src/cli/parse-net.js';
import { ConfigError } from '../../../src/errors.js';
import { checkNetwork, parseMac, type NetworkOption } from '../../../src/vmm/machine/net-options.js';

const PC = { pci: true };

function check(network: NetworkOption, index = 0) {
  return checkNetwork(network, index, PC, bytes => bytes.fill(0xab));
}

describe('--net', () => {
  it.each<[string, NetworkOption]>([
    ['user', { type: 'user' }],
    [
      'user,hostfwd=tcp::8080-:80,hostfwd=udp::53-:53,mac=52:54:00:00:00:01',
      { type: 'user', hostForwards: ['tcp::8080-:80', 'udp::53-:53'], mac: '52:54:00:00:00:01' },
    ],
    ['tap,ifname=tap0,script=no,downscript=no,queues=4', { type: 'tap', ifname: 'tap0', queues: 4 }],
    [
      'stream,server=on,addr.type=unix,addr.path=/tmp/a,,b',
      { type: 'stream', server: true, path: '/tmp/a,b' },
    ],
    ['stream,path=x,reconnect=0,mtu=9000', { type: 'stream', path: 'x', reconnect: 0, mtu: 9000 }],
    ['hub,name=lan,interface=legacy', { type: 'hub', name: 'lan', interface: 'legacy' }],
    ['none,vectors=0', { type: 'none', vectors: 0 }],
    ['none,pcap=a.pcap', { type: 'none', pcap: 'a.pcap' }],
  ])('%s', (text, network) => {
    expect(parseNet(text)).toEqual(network);
  });

  it.each([
    ['bridge', "--net is one of user, tap, stream, hub, none, not 'bridge'"],
    ['custom', "not 'custom'"],
    ['tap,path=x', "--net tap: 'path=x' is not understood"],
    ['tap,script=/etc/up', "script is no, not '/etc/up'"],
    ['stream,addr.type=inet', "addr.type is unix, not 'inet'"],
    ['stream,server=yes', "server is on or off, not 'yes'"],
    ['hub,interface=fast', 'interface is one of'],
    ['none,toString', 'is not understood'],
    ['user,nonsense=1', "a user network has no 'nonsense=1'"],
  ])('%s is refused', (text, message) => {
    expect(() => parseNet(text)).toThrow(ConfigError);
    expect(() => parseNet(text)).toThrow(message);
  });
});

describe('networks', () => {
  it('have defaults', () => {
    expect(check({ type: 'none' })).toEqual({
      mac: Uint8Array.of(0x52, 0x54, 0, 0x12, 0x34, 0x56),
      mtu: undefined,
      queues: 1,
      interface: 'transitional',
      vectors: undefined,
      pcap: undefined,
      backend: { type: 'none' },
    });
    expect(check({ type: 'stream', path: 'x' }).backend).toEqual({
      type: 'stream',
      path: 'x',
      server: false,
      reconnect: 1,
    });
    expect(checkNetwork({ type: 'none' }, 0, { pci: false }, () => undefined).interface).toBe('mmio');
  });

  it('have addresses that differ, at random where others may see them', () => {
    expect(check({ type: 'user' }, 3).mac[5]).toBe(0x59);
    expect([...check({ type: 'hub' }).mac]).toEqual([0x52, 0x54, 0, 0xab, 0xab, 0xab]);
    expect([...check({ type: 'tap', mac: '2:0:0:0:0:a' }).mac]).toEqual([2, 0, 0, 0, 0, 10]);
  });

  it.each<[NetworkOption, string]>([
    [{ type: 'bridge' as 'none' }, 'a network is one of'],
    [{ type: 'none', mac: '52:54:00:12:34' }, 'not an Ethernet address'],
    [{ type: 'none', mac: '53:54:00:12:34:56' }, 'the address of a group'],
    [{ type: 'none', mac: '0:0:0:0:0:0' }, "nobody's"],
    [{ type: 'none', mtu: 67 }, 'mtu is 68 to 65535, not 67'],
    [{ type: 'none', mtu: NaN }, 'mtu'],
    [{ type: 'none', queues: 65 }, '1 to 64 queues, not 65'],
    [{ type: 'none', vectors: -1 }, '0 to 2048 vectors, not -1'],
    [{ type: 'none', pcap: '' }, 'pcap needs the path'],
    [{ type: 'tap', ifname: 'a name' }, 'not the name of an interface'],
    [{ type: 'tap', ifname: 'sixteen-letters-' }, 'not the name of an interface'],
    [{ type: 'stream', path: '' }, 'needs a path'],
    [{ type: 'stream', path: 'x'.repeat(108) }, 'up to 107 characters'],
    [{ type: 'stream', path: 'x', reconnect: -1 }, 'reconnect is 0 to'],
    [{ type: 'hub', name: '' }, 'a hub needs a name'],
  ])('%o is refused', (network, message) => {
    expect(() => check(network)).toThrow(ConfigError);
    expect(() => check(network)).toThrow(message);
  });

  it('read addresses in upper case too', () => {
    expect([...parseMac('52:54:00:AB:cd:EF')]).toEqual([0x52, 0x54, 0, 0xab, 0xcd, 0xef]);
  });
});
