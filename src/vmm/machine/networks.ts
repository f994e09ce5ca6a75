import { Cable, type CableBuffers } from '../../net/cable.js';
import type { Host, NetworkConnection } from './host.js';
import type { CheckedNetwork } from './net-options.js';
import type { AcceleratorName } from './protocol.js';
import type { VirtioInterface } from './virtio-interface.js';

/** What the machine worker needs of one network card. */
export interface CardSetup {
  readonly mac: Uint8Array;
  readonly mtu: number | undefined;
  readonly queues: number;
  readonly interface: VirtioInterface;
  readonly vectors: number | undefined;
  readonly cable: CableBuffers;
  /** Wakes the thread of the cable's other end. */
  readonly bell: SharedArrayBuffer;
}

/** A machine's cards, connected: what they are, and their networks' ends. */
export interface ConnectedNetworks {
  readonly cards: readonly CardSetup[];
  readonly connections: readonly NetworkConnection[];
}

/**
 * Connects the cable of each card with its network, before there is a machine.
 * @param doorbell the machine's
 * @throws ConfigError that says which network cannot be had, and why; none is connected then
 */
export async function connectNetworks(
  host: Host,
  networks: readonly CheckedNetwork[],
  doorbell: SharedArrayBuffer,
  accelerator: AcceleratorName,
): Promise<ConnectedNetworks> {
  const cards: CardSetup[] = [];
  const connections: NetworkConnection[] = [];
  try {
    for (const { backend, pcap, mac, mtu, ...card } of networks) {
      const cable = Cable.allocate();
      const connection = await host.connectNetwork({ backend, pcap, cable, doorbell, accelerator });
      connections.push(connection);
      cards.push({ ...card, mac, mtu: mtu ?? connection.mtu, cable, bell: connection.bell });
    }
  } catch (error) {
    await disconnectNetworks(connections);
    throw error;
  }
  return { cards, connections };
}

export async function disconnectNetworks(connections: readonly NetworkConnection[]): Promise<void> {
  await Promise.all(connections.map(connection => connection.close()));
}
