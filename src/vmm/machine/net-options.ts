import { MAX_QUEUE_PAIRS } from '../../devices/virtio/net/net-features.js';
import { ConfigError } from '../../errors.js';
import type { NetBackend } from '../../net/backend.js';
import {
  checkUserNetwork,
  type CheckedUserNetwork,
  type UserNetworkOptions,
} from '../../net/user/options.js';
import { checkInterface, checkVectors, type VirtioInterface } from './virtio-interface.js';

/** A network card of the guest, a virtio network device, whatever its cable leads to. */
export interface CardOptions {
  /** Its address: `52:54:00:12:34:56`. By default that one, counted up; a random one where others may see it. */
  readonly mac?: string;
  /** Largest packet that the guest is told it may send, in bytes: 68 to 65535; what the other end has, by default. */
  readonly mtu?: number;
  /** Pairs of queues, 1 to 64; 1 by default. */
  readonly queues?: number;
  /** `transitional` by default, `mmio` on a machine without a PCI bus. */
  readonly interface?: VirtioInterface;
  /**
   * Vectors of MSI-X, on the PCI bus; one a queue and one for changes of the configuration by default. With 0 there is MSI
   * with a single message instead.
   */
  readonly vectors?: number;
  /** Records the traffic in this file, for tcpdump and Wireshark. */
  readonly pcap?: string;
}

/** A network of its own, behind which is what this user can reach: no privileges needed. */
export interface UserNetOption extends CardOptions, Omit<UserNetworkOptions, 'mtu'> {
  readonly type: 'user';
}

/** An Ethernet interface of the host. Linux only. */
export interface TapNetOption extends CardOptions {
  readonly type: 'tap';
  /** The interface; a new one that the kernel names, by default. */
  readonly ifname?: string;
}

/** Frames over a unix socket, as QEMU's `-netdev stream` and passt have them. */
export interface StreamNetOption extends CardOptions {
  readonly type: 'stream';
  readonly path: string;
  /** Listen there instead of connecting; false by default. */
  readonly server?: boolean;
  /** Seconds until a connection that was lost is tried again, 0 for never; 1 by default. */
  readonly reconnect?: number;
}

/** A segment that machines of this process share. */
export interface HubNetOption extends CardOptions {
  readonly type: 'hub';
  /** `hub0` by default. */
  readonly name?: string;
}

/** A cable with nobody at its other end. */
export interface NoNetOption extends CardOptions {
  readonly type: 'none';
}

/** A back end of the caller's own, on the caller's thread. */
export interface CustomNetOption extends CardOptions {
  readonly type: 'custom';
  readonly backend: NetBackend;
}

export type NetworkOption =
  UserNetOption | TapNetOption | StreamNetOption | HubNetOption | NoNetOption | CustomNetOption;

export const NETWORK_TYPES = ['user', 'tap', 'stream', 'hub', 'none', 'custom'] as const;

/** What is at the other end of a cable: plain data, but for a back end of the caller's own. */
export type CheckedBackend =
  | { readonly type: 'user'; readonly network: CheckedUserNetwork }
  | { readonly type: 'tap'; readonly ifname: string }
  | { readonly type: 'stream'; readonly path: string; readonly server: boolean; readonly reconnect: number }
  | { readonly type: 'hub'; readonly name: string }
  | { readonly type: 'none' }
  | { readonly type: 'custom'; readonly backend: NetBackend };

/** A card and its network with every default filled in. */
export interface CheckedNetwork {
  readonly mac: Uint8Array;
  readonly mtu: number | undefined;
  readonly queues: number;
  readonly interface: VirtioInterface;
  readonly vectors: number | undefined;
  readonly pcap: string | undefined;
  readonly backend: CheckedBackend;
}

const MIN_MTU = 68;
const MAX_MTU = 65_535;
const MAX_IFNAME = 15;
const MAX_RECONNECT = 86_400;
/** Longest path of a unix socket, of Linux. */
const MAX_SOCKET_PATH = 107;
/** QEMU's first address. */
const FIRST_MAC = [0x52, 0x54, 0x00, 0x12, 0x34, 0x56];
/** Networks that nobody but this one card sees. */
const PRIVATE: readonly NetworkOption['type'][] = ['user', 'none', 'custom'];

/**
 * @param index of the card in its machine
 * @param random fills an array, for addresses that must not be somebody else's
 * @throws ConfigError that says what makes no sense
 */
export function checkNetwork(
  network: NetworkOption,
  index: number,
  bus: { readonly pci: boolean },
  random: (bytes: Uint8Array) => void,
): CheckedNetwork {
  const { mtu, queues = 1, pcap } = network;
  if (!NETWORK_TYPES.includes(network.type)) {
    throw new ConfigError(`a network is one of ${NETWORK_TYPES.join(', ')}, not '${network.type as string}'`);
  }
  if (mtu !== undefined && !isWhole(mtu, MIN_MTU, MAX_MTU)) {
    throw new ConfigError(`a network's mtu is ${MIN_MTU} to ${MAX_MTU}, not ${mtu}`, { mtu });
  }
  if (!isWhole(queues, 1, MAX_QUEUE_PAIRS)) {
    throw new ConfigError(`a network card has 1 to ${MAX_QUEUE_PAIRS} queues, not ${queues}`, { queues });
  }
  if (pcap === '') throw new ConfigError('pcap needs the path of a file');
  const kind = checkInterface('a network card', network.interface, bus);
  return {
    mac: network.mac === undefined ? defaultMac(network.type, index, random) : parseMac(network.mac),
    mtu,
    queues,
    interface: kind,
    vectors: checkVectors('a network card', network.vectors, kind),
    pcap,
    backend: checkBackend(network),
  };
}

function checkBackend(network: NetworkOption): CheckedBackend {
  switch (network.type) {
    case 'user':
      return { type: 'user', network: checkUserNetwork(network) };
    case 'tap': {
      const { ifname = '' } = network;
      if (ifname.length > MAX_IFNAME || /[\s/:]/.test(ifname)) {
        throw new ConfigError(`'${ifname}' is not the name of an interface`, { ifname });
      }
      return { type: 'tap', ifname };
    }
    case 'stream': {
      const { path, server = false, reconnect = 1 } = network;
      if (typeof path !== 'string' || path === '') throw new ConfigError('a stream network needs a path');
      if (path.length > MAX_SOCKET_PATH) {
        throw new ConfigError(`a socket's path has up to ${MAX_SOCKET_PATH} characters: '${path}'`, { path });
      }
      if (!isWhole(reconnect, 0, MAX_RECONNECT)) {
        throw new ConfigError(`reconnect is 0 to ${MAX_RECONNECT} seconds, not ${reconnect}`, { reconnect });
      }
      return { type: 'stream', path, server, reconnect };
    }
    case 'hub': {
      const { name = 'hub0' } = network;
      if (name === '') throw new ConfigError('a hub needs a name');
      return { type: 'hub', name };
    }
    case 'none':
      return { type: 'none' };
    case 'custom':
      return { type: 'custom', backend: network.backend };
  }
}

/**
 * An address as people write it.
 * @throws ConfigError for anything else, and for addresses of groups
 */
export function parseMac(text: string): Uint8Array {
  if (!/^([0-9a-f]{1,2}:){5}[0-9a-f]{1,2}$/i.test(text)) {
    throw new ConfigError(`'${text}' is not an Ethernet address: write 52:54:00:12:34:56`, { mac: text });
  }
  const mac = Uint8Array.from(text.split(':'), part => parseInt(part, 16));
  if ((mac[0] & 1) !== 0)
    throw new ConfigError(`${text} is the address of a group, not of a card`, { mac: text });
  if (mac.every(byte => byte === 0)) throw new ConfigError(`${text} is nobody's address`, { mac: text });
  return mac;
}

function defaultMac(
  type: NetworkOption['type'],
  index: number,
  random: (bytes: Uint8Array) => void,
): Uint8Array {
  const mac = Uint8Array.from(FIRST_MAC);
  if (PRIVATE.includes(type)) mac[5] += index;
  else random(mac.subarray(3));
  return mac;
}

function isWhole(value: number, least: number, most: number): boolean {
  return Number.isInteger(value) && value >= least && value <= most;
}
