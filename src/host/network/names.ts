import { readFileSync, statSync } from 'node:fs';
import type { Endpoint } from '../../net/user/host.js';

const DNS_PORT = 53;

/** A file of settings that somebody may change at any time: it is looked at again when its date is another. */
class WatchedFile<T> {
  private date = NaN;
  private value: T;

  constructor(
    private readonly path: string,
    private readonly parse: (text: string) => T,
  ) {
    this.value = parse('');
  }

  get(): T {
    const date = statSync(this.path, { throwIfNoEntry: false })?.mtimeMs ?? 0;
    if (date !== this.date) {
      this.date = date;
      this.value = this.parse(date === 0 ? '' : readFileSync(this.path, 'utf8'));
    }
    return this.value;
  }
}

/** resolv.conf(5): without a name server it is the host itself. */
export function parseResolvConf(text: string): Endpoint[] {
  const servers = [...text.matchAll(/^nameserver[ \t]+(\S+)/gm)].map(([, address]) => ({
    address,
    port: DNS_PORT,
  }));
  return servers.length > 0 ? servers : [{ address: '127.0.0.1', port: DNS_PORT }];
}

/** hosts(5): addresses by names in lower case. */
export function parseHosts(text: string): Map<string, string[]> {
  const table = new Map<string, string[]>();
  for (const line of text.split('\n')) {
    const [address, ...names] = line.replace(/#.*/, '').trim().split(/\s+/);
    for (const name of names) {
      const key = name.toLowerCase();
      table.set(key, [...(table.get(key) ?? []), address]);
    }
  }
  return table;
}

const resolvConf = new WatchedFile('/etc/resolv.conf', parseResolvConf);
const hosts = new WatchedFile('/etc/hosts', parseHosts);

export function hostNameservers(): readonly Endpoint[] {
  return resolvConf.get();
}

export function hostAddressesOf(name: string): readonly string[] {
  return hosts.get().get(name) ?? [];
}
