import { ConfigError } from '../errors.js';
import { parseUserNetwork } from '../net/user/parse-options.js';
import type { CardOptions, NetworkOption } from '../vmm/machine/net-options.js';
import { VIRTIO_INTERFACES } from '../vmm/machine/virtio-interface.js';
import { splitAtCommas } from './properties.js';

/** How `--net` is written. */
export const NET_SYNTAX = 'user|tap|stream|hub|none[,KEY=VALUE]…';

/** Networks that the command line has; one of the caller's own is for programs. */
const TYPES = ['user', 'tap', 'stream', 'hub', 'none'] as const;
type Type = (typeof TYPES)[number];

const CARD_KEYS = ['mac', 'mtu', 'queues', 'vectors', 'interface', 'pcap'];

type Mutable<T> = { -readonly [Key in keyof T]: T[Key] };

/** Keys of one type: each puts its value where it belongs. */
type Keys<T extends Type> = Readonly<
  Record<string, (network: Mutable<Extract<NetworkOption, { type: T }>>, value: string) => void>
>;

const TAP_KEYS: Keys<'tap'> = {
  ifname: (network, value) => (network.ifname = value),
  // As they are written for QEMU: there are no scripts here.
  script: (_, value) => only('script', value, 'no'),
  downscript: (_, value) => only('downscript', value, 'no'),
};

const STREAM_KEYS: Keys<'stream'> = {
  path: (network, value) => (network.path = value),
  'addr.path': (network, value) => (network.path = value),
  'addr.type': (_, value) => only('addr.type', value, 'unix'),
  server: (network, value) => (network.server = parseFlag('server', value)),
  reconnect: (network, value) => (network.reconnect = parseNumber(value)),
};

const HUB_KEYS: Keys<'hub'> = { name: (network, value) => (network.name = value) };

/**
 * A network as `--net` names it: what the card's cable leads to, then `key=value` of the card and of the network, with
 * the keys that QEMU has.
 * @throws ConfigError that says which part is not understood
 */
export function parseNet(text: string): NetworkOption {
  const [name, ...parts] = splitAtCommas(text);
  const type = TYPES.find(known => known === name);
  if (!type) throw new ConfigError(`--net is one of ${TYPES.join(', ')}, not '${name}'`, { name });
  const card = parts.filter(part => CARD_KEYS.includes(keyOf(part)));
  const others = parts.filter(part => !CARD_KEYS.includes(keyOf(part)));
  return { ...parseType(type, others), ...parseCard(card) };
}

function parseType(type: Type, parts: readonly string[]): NetworkOption {
  switch (type) {
    case 'user':
      return { type, ...parseUserNetwork(parts) };
    case 'tap':
      return parseKeys(type, { type }, TAP_KEYS, parts);
    case 'stream':
      return parseKeys(type, { type, path: '' }, STREAM_KEYS, parts);
    case 'hub':
      return parseKeys(type, { type }, HUB_KEYS, parts);
    case 'none':
      return parseKeys(type, { type }, {}, parts);
  }
}

function parseKeys<T extends Type, N extends Mutable<Extract<NetworkOption, { type: T }>>>(
  type: T,
  network: N,
  keys: Keys<T>,
  parts: readonly string[],
): N {
  for (const part of parts) {
    const [key, value = 'on'] = part.split(/=(.*)/s, 2);
    if (!Object.hasOwn(keys, key)) {
      const known = [...Object.keys(keys), ...CARD_KEYS].join(', ');
      throw new ConfigError(`--net ${type}: '${part}' is not understood: it has ${known}`, { part });
    }
    keys[key](network, value);
  }
  return network;
}

function parseCard(parts: readonly string[]): CardOptions {
  const card: Mutable<CardOptions> = {};
  for (const part of parts) {
    const [key, value = ''] = part.split(/=(.*)/s, 2);
    if (key === 'mtu' || key === 'queues' || key === 'vectors') card[key] = parseNumber(value);
    else if (key === 'interface') card.interface = parseInterface(value);
    else card[key as 'mac' | 'pcap'] = value;
  }
  return card;
}

function keyOf(part: string): string {
  return part.split('=', 1)[0];
}

function parseNumber(value: string): number {
  return /^\d{1,9}$/.test(value) ? Number(value) : NaN;
}

function parseFlag(key: string, value: string): boolean {
  if (value !== 'on' && value !== 'off') throw new ConfigError(`--net: ${key} is on or off, not '${value}'`);
  return value === 'on';
}

function parseInterface(value: string): NonNullable<CardOptions['interface']> {
  const found = VIRTIO_INTERFACES.find(name => name === value);
  if (found) return found;
  throw new ConfigError(`--net: interface is one of ${VIRTIO_INTERFACES.join(', ')}, not '${value}'`);
}

function only(key: string, value: string, wanted: string): void {
  if (value !== wanted) throw new ConfigError(`--net: ${key} is ${wanted}, not '${value}'`);
}
