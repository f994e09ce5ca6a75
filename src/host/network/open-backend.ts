import type { NetBackend } from '../../net/backend.js';
import { Hub } from '../../net/hub.js';
import { NoNetwork } from '../../net/none.js';
import type { CheckedBackend } from '../../vmm/machine/net-options.js';

/** Segments of this process, by their names. */
const hubs = new Map<string, Hub>();

/**
 * Opens the other end of a cable. What only one of them needs is loaded with it.
 * @throws ConfigError that says why it cannot be had
 */
export async function openBackend(setup: CheckedBackend): Promise<NetBackend> {
  switch (setup.type) {
    case 'user': {
      const { UserNetwork } = await import('../../net/user/user-network.js');
      const { nodeNetworkHost } = await import('./network-host.js');
      return UserNetwork.open(setup.network, nodeNetworkHost);
    }
    case 'tap': {
      const { Tap } = await import('./tap.js');
      return Tap.open(setup.ifname);
    }
    case 'stream': {
      const { QemuStream } = await import('./qemu-stream.js');
      return QemuStream.open(setup);
    }
    case 'hub':
      return hubOf(setup.name).connect();
    case 'none':
      return new NoNetwork();
    case 'custom':
      return setup.backend;
  }
}

function hubOf(name: string): Hub {
  const existing = hubs.get(name);
  if (existing) return existing;
  const hub = new Hub(() => hubs.delete(name));
  hubs.set(name, hub);
  return hub;
}
