import { expect } from 'vitest';
import type { UserNetworkOptions } from '../../../../../src/net/user/options.js';
import type { FakeStream } from './fake-host.js';
import { GUEST_IPV6 } from './frames.js';
import { lab, type Lab } from './network.js';
import { GuestTcp, type GuestTcpOptions } from './tcp-guest.js';

/** A server beyond the host, by family. */
export const SERVERS = {
  4: { to: '192.0.2.1', toPort: 80, fromPort: 40_000 },
  6: { from: GUEST_IPV6, to: '2001:db8::1', toPort: 80, fromPort: 40_000 },
} as const;

export interface Conversation extends Lab {
  readonly guest: GuestTcp;
  readonly stream: FakeStream;
}

/** Everything that the network sends goes to one connection of the guest's. */
export function wire({ card }: Lab, guest: GuestTcp): void {
  card.onFrame = ({ tcp }) => {
    if (tcp) guest.receive(tcp);
  };
}

/** A guest whose frames reach the network with `host.settle()`: no card sends while it receives. */
export function guestOf({ network, host }: Lab, options: Partial<GuestTcpOptions> = {}): GuestTcp {
  const transmit = (frame: Buffer): void => host.defer(() => network.transmit(frame));
  return new GuestTcp({ ...SERVERS[4], transmit, ...options });
}

/** A connection of the guest's to a server that stands. */
export async function conversation(
  guestOptions: Partial<GuestTcpOptions> = {},
  options: UserNetworkOptions = {},
): Promise<Conversation> {
  const all = await lab(options);
  const guest = guestOf(all, guestOptions);
  wire(all, guest);
  guest.connect();
  all.host.settle();
  const [stream] = all.host.streams;
  stream.events.connected();
  all.host.settle();
  expect(guest.state).toBe('open');
  return { ...all, guest, stream };
}

/** Bytes that are all different for a while. */
export function pattern(length: number, seed = 0): Buffer {
  const bytes = Buffer.alloc(length);
  for (let i = 0; i < length; i++) bytes[i] = (i * 31 + (i >> 8) * 7 + seed) & 0xff;
  return bytes;
}
