import { ConfigError } from '../../errors.js';
import type { UserNetworkOptions } from './options.js';

type Mutable<T> = { -readonly [Key in keyof T]: T[Key] };

const TEXTS = {
  net: 'net',
  host: 'host',
  dns: 'dns',
  dhcpstart: 'dhcpStart',
  'ipv6-net': 'ipv6Net',
  'ipv6-host': 'ipv6Host',
  'ipv6-dns': 'ipv6Dns',
  hostname: 'hostname',
  domainname: 'domainName',
} as const;

const FLAGS = { ipv4: 'ipv4', ipv6: 'ipv6', restrict: 'restrict' } as const;

/** Those that may be given more than once. */
const LISTS = { dnssearch: 'dnsSearch', hostfwd: 'hostForwards', guestfwd: 'guestForwards' } as const;

const KEYS = [...Object.keys(FLAGS), ...Object.keys(TEXTS), 'mtu', ...Object.keys(LISTS)];

/**
 * A user network as `--net user,…` describes it: `key=value`, the keys as QEMU has them; the name alone turns on what
 * is on or off.
 * @throws ConfigError that says which part is not understood
 */
export function parseUserNetwork(parts: readonly string[]): UserNetworkOptions {
  const options: Mutable<UserNetworkOptions> = {};
  for (const part of parts) {
    const [key, value = 'on'] = part.split(/=(.*)/s, 2);
    const text = lookUp(TEXTS, key);
    const flag = lookUp(FLAGS, key);
    const list = lookUp(LISTS, key);
    if (text !== undefined) options[text] = value;
    else if (flag !== undefined) options[flag] = parseFlag(key, value);
    else if (list !== undefined) options[list] = [...((options[list] ?? []) as string[]), value];
    else if (key === 'mtu') options.mtu = /^\d{1,5}$/.test(value) ? Number(value) : NaN;
    else throw new ConfigError(`a user network has no '${part}': it has ${KEYS.join(', ')}`, { part });
  }
  return options;
}

function lookUp<T extends Readonly<Record<string, unknown>>>(table: T, key: string): T[keyof T] | undefined {
  return Object.hasOwn(table, key) ? (table[key] as T[keyof T]) : undefined;
}

function parseFlag(key: string, value: string): boolean {
  if (/^(on|yes|y|true)$/.test(value)) return true;
  if (/^(off|no|n|false)$/.test(value)) return false;
  throw new ConfigError(`a user network's ${key} is on or off, not '${value}'`);
}
