import { isIP, SocketAddress } from 'node:net';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  broadcastOf,
  contains,
  formatIp,
  hostOf,
  netmaskOf,
  parseIp,
} from '../../../../src/net/user/addresses.js';
import { checkUserNetwork } from '../../../../src/net/user/options.js';
import { parseUserNetwork } from '../../../../src/net/user/parse-options.js';

describe('addresses', () => {
  it('are those that Node takes for ones', () => {
    const piece = fc.constantFrom(
      '0',
      '1',
      'ff',
      'FFFF',
      '12345',
      ':',
      '::',
      '.',
      '255',
      '256',
      '01',
      '10.0.2.15',
      'g',
    );
    fc.assert(
      fc.property(
        fc.oneof(
          fc.ipV4(),
          fc.ipV6(),
          fc.array(piece, { maxLength: 12 }).map(parts => parts.join('')),
        ),
        text => {
          expect(parseIp(text) !== undefined).toBe(isIP(text) !== 0);
        },
      ),
      { numRuns: 2000 },
    );
  });

  it('are written as Node writes them', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 16, maxLength: 16 }), fc.nat(0xffff), (bytes, zeroes) => {
        const address = bytes.map((byte, i) => ((zeroes >> i) & 1 ? byte : 0));
        const text = formatIp(address);
        expect(parseIp(text)).toEqual(address);
        // Node writes some with their last half in decimal.
        const { address: theirs } = new SocketAddress({ address: text, family: 'ipv6' });
        if (!theirs.includes('.')) expect(text).toBe(theirs);
      }),
    );
  });

  it('belong to subnets', () => {
    const subnet = { address: parseIp('10.32.0.0')!, prefix: 11 };
    expect(contains(subnet, parseIp('10.63.255.255')!)).toBe(true);
    expect(contains(subnet, parseIp('10.64.0.0')!)).toBe(false);
    expect(contains(subnet, parseIp('::1')!)).toBe(false);
    expect([broadcastOf(subnet), netmaskOf(subnet), hostOf(subnet, 256 * 256 + 2)].map(formatIp)).toEqual([
      '10.63.255.255',
      '255.224.0.0',
      '10.33.0.2',
    ]);
  });
});

describe('options', () => {
  const read = (...parts: readonly string[]): ReturnType<typeof checkUserNetwork> =>
    checkUserNetwork(parseUserNetwork(parts));

  it('have QEMU’s defaults', () => {
    const { ipv4, ipv6, mtu, restrict, forwards } = read();
    expect([ipv4!.gateway, ipv4!.dns, ipv4!.dhcpStart, ipv6!.gateway, ipv6!.dns].map(formatIp)).toEqual([
      '10.0.2.2',
      '10.0.2.3',
      '10.0.2.15',
      'fec0::2',
      'fec0::3',
    ]);
    expect({ mtu, restrict, forwards }).toEqual({
      mtu: 1500,
      restrict: false,
      forwards: { host: [], guest: [] },
    });
  });

  it('follow the network that is given', () => {
    const { ipv4 } = read('net=192.168.76.0/255.255.255.240', 'dhcpstart=192.168.76.9');
    expect([ipv4!.gateway, ipv4!.dns, ipv4!.dhcpStart].map(formatIp)).toEqual([
      '192.168.76.2',
      '192.168.76.3',
      '192.168.76.9',
    ]);
  });

  it.each([
    ['hostfwd=tcp::8080-:80', { protocol: 'tcp', hostAddress: '0.0.0.0', hostPort: 8080, guestPort: 80 }],
    ['hostfwd=::8080-:80', { protocol: 'tcp', hostAddress: '0.0.0.0', hostPort: 8080, guestPort: 80 }],
    ['hostfwd=udp:127.0.0.1:53-10.0.2.20:53', { protocol: 'udp', hostAddress: '127.0.0.1', hostPort: 53 }],
    [
      'hostfwd=tcp:[::1]:80-[fec0::15]:80',
      { hostAddress: '::1', hostPort: 80, guestAddress: parseIp('fec0::15') },
    ],
    ['hostfwd=:127.0.0.1:0-:22', { protocol: 'tcp', hostAddress: '127.0.0.1', hostPort: 0, guestPort: 22 }],
  ])('%s', (text, expected) => {
    expect(read(text).forwards.host).toMatchObject([expected]);
  });

  it.each([
    ['hostfwd=tcp:8080-:80', /hostfwd: 'tcp:8080-:80' is not understood/],
    ['hostfwd=tcp::99999-:80', /a port is 0 to 65535, not 99999/],
    ['hostfwd=tcp::80-:0', /a port is 1 to 65535, not 0/],
    ['hostfwd=tcp::80-192.168.0.1:80', /192.168.0.1 is not in the guest's network/],
    ['hostfwd=tcp:localhost:80-:80', /'localhost' is not an IP address/],
    ['guestfwd=tcp:10.0.2.100:80-cmd:cat', /guestfwd: .* is not understood/],
    ['guestfwd=tcp:192.0.2.1:80-tcp:127.0.0.1:80', /not an address of the guest's network/],
    ['net=10.0.2.0/33', /'33' is not the length of a prefix/],
    ['net=10.0.2.0/30', /8 to 29 bits, not 30/],
    ['net=10.0.2.0/255.0.255.0', /not the length of a prefix/],
    ['net=fec0::/64', /not an IPv4 network/],
    ['host=10.0.3.2', /host: 10.0.3.2 is no host of 10.0.2.0\/24/],
    ['host=10.0.2.255', /is no host of/],
    ['host=10.0.2.3', /cannot be the gateway and the name server/],
    ['dhcpstart=10.0.2.2', /is the address of host/],
    ['ipv6-net=fec0::/48', /a prefix has 64 bits, not 48/],
    ['mtu=100', /mtu is 1280 to 65521, not 100/],
    ['mtu=x', /mtu is 1280 to 65521, not NaN/],
    ['hostname=a b', /'a b' is not a name/],
    ['restrict=maybe', /restrict is on or off, not 'maybe'/],
    ['tftp=/srv', /a user network has no 'tftp=\/srv'/],
  ])('%s is refused', (text, expected) => {
    expect(() => read(text)).toThrow(expected);
  });

  it('need one family, and no port twice', () => {
    expect(() => read('ipv4=off', 'ipv6=off')).toThrow(/ipv4, ipv6 or both/);
    expect(() => read('hostfwd=tcp::80-:80', 'hostfwd=tcp::80-:81')).toThrow(/forwarded twice/);
    expect(() => read('ipv4=off', 'hostfwd=tcp::80-:80')).toThrow(/the guest's address must be given/);
    expect(read('hostfwd=tcp::80-:80', 'hostfwd=udp::80-:80').forwards.host.length).toBe(2);
  });
});
