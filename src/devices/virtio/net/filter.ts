import { EtherType, ETHERNET_HEADER, word } from '../../../net/headers.js';

export const MAC_SIZE = 6;
/** Addresses that each of the two tables takes; beyond that, all of the kind pass (virtio 1.3, 5.1.6.5.2). */
export const MAX_ADDRESSES = 64;
const VLANS = 4096;
const VLAN_MASK = VLANS - 1;
const TYPE_AT = 12;
/** Bit of the first byte: multicast, of which broadcast is one. */
const GROUP = 1;

/** Modes of VIRTIO_NET_CTRL_RX, in the order of their commands (5.1.6.5.1). */
export const RX_MODES = ['promisc', 'allmulti', 'alluni', 'nomulti', 'nouni', 'nobcast'] as const;
export type RxMode = (typeof RX_MODES)[number];

interface AddressTable {
  /** They did not all find room: none is looked for. */
  overflow: boolean;
  addresses: number[];
}

export type FilterState = {
  readonly modes: Readonly<Record<RxMode, boolean>>;
  readonly unicast: AddressTable;
  readonly multicast: AddressTable;
  /** `all`, or the numbers of those that pass. */
  readonly vlans: 'all' | readonly number[];
};

/** Which frames the driver wants to have (virtio 1.3, 5.1.6.5.1 to 5.1.6.5.4). Unless it says so, all. */
export class ReceiveFilter {
  private modes: Record<RxMode, boolean> = initialModes();
  private unicast: AddressTable = { overflow: false, addresses: [] };
  private multicast: AddressTable = { overflow: false, addresses: [] };
  /** With VIRTIO_NET_F_CTRL_VLAN, a bit for each VLAN. */
  private readonly vlans = new Uint8Array(VLANS / 8).fill(0xff);

  reset(): void {
    this.modes = initialModes();
    this.unicast = { overflow: false, addresses: [] };
    this.multicast = { overflow: false, addresses: [] };
    this.vlans.fill(0xff);
  }

  /** The driver filters by VLAN: none passes until it says so. */
  filterVlans(): void {
    this.vlans.fill(0);
  }

  setMode(mode: RxMode, on: boolean): void {
    this.modes[mode] = on;
  }

  /** @param addresses 6 bytes each */
  setTable(kind: 'unicast' | 'multicast', addresses: Uint8Array): void {
    const count = addresses.length / MAC_SIZE;
    const overflow = count > MAX_ADDRESSES;
    this[kind] = {
      overflow,
      addresses: overflow ? [] : Array.from({ length: count }, (_, i) => addressAt(addresses, i * MAC_SIZE)),
    };
  }

  setVlan(vlan: number, on: boolean): void {
    const bit = 1 << (vlan & 7);
    if (on) this.vlans[vlan >>> 3] |= bit;
    else this.vlans[vlan >>> 3] &= ~bit;
  }

  /** True when the driver of the card with this address wants the frame at `at`, of `length` bytes. */
  passes(bytes: Uint8Array, at: number, length: number, mac: Uint8Array): boolean {
    const { modes } = this;
    if (modes.promisc) return true;
    if (word(bytes, at + TYPE_AT) === EtherType.VLAN && length >= ETHERNET_HEADER + 4) {
      const vlan = word(bytes, at + ETHERNET_HEADER) & VLAN_MASK;
      if ((this.vlans[vlan >>> 3] & (1 << (vlan & 7))) === 0) return false;
    }
    const address = addressAt(bytes, at);
    if (address === BROADCAST) return !modes.nobcast;
    if (bytes[at] & GROUP) return !modes.nomulti && (modes.allmulti || matches(this.multicast, address));
    if (modes.nouni) return false;
    return modes.alluni || address === addressAt(mac, 0) || matches(this.unicast, address);
  }

  save(): FilterState {
    const every = this.vlans.every(bits => bits === 0xff);
    const numbers = Array.from({ length: VLANS }, (_, vlan) => vlan).filter(
      vlan => (this.vlans[vlan >>> 3] & (1 << (vlan & 7))) !== 0,
    );
    const { modes, unicast, multicast } = this;
    return {
      modes: { ...modes },
      unicast: { ...unicast },
      multicast: { ...multicast },
      vlans: every ? 'all' : numbers,
    };
  }

  load({ modes, unicast, multicast, vlans }: FilterState): void {
    this.modes = { ...modes };
    this.unicast = { ...unicast };
    this.multicast = { ...multicast };
    this.vlans.fill(vlans === 'all' ? 0xff : 0);
    if (vlans !== 'all') for (const vlan of vlans) this.setVlan(vlan, true);
  }
}

const BROADCAST = 0xffff_ffff_ffff;

function initialModes(): Record<RxMode, boolean> {
  return { promisc: true, allmulti: false, alluni: false, nomulti: false, nouni: false, nobcast: false };
}

function matches({ overflow, addresses }: AddressTable, address: number): boolean {
  return overflow || addresses.includes(address);
}

/** The address at `at` as one number of 48 bits. */
function addressAt(bytes: Uint8Array, at: number): number {
  return word(bytes, at) * 2 ** 32 + (word(bytes, at + 2) * 2 ** 16 + word(bytes, at + 4));
}
