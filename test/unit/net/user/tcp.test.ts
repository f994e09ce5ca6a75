import { expect, it } from 'vitest';
import type { UserNetworkOptions } from '../../../../src/net/user/index.js';
import { lab, type Lab } from './support/network.js';
import { GuestTcp, type GuestTcpOptions } from './support/tcp-guest.js';
import type { FakeStream } from './support/fake-host.js';

const SERVER = { to: '192.0.2.1', toPort: 80, fromPort: 40_000 };

interface Conversation extends Lab {
  readonly guest: GuestTcp;
  readonly stream: FakeStream;
}

/** Everything that the network sends goes to one connection of the guest's. */
function wire({ card }: Lab, guest: GuestTcp): void {
  card.onFrame = ({ tcp }) => {
    if (tcp) guest.receive(tcp);
  };
}

function guestOf({ network }: Lab, options: Partial<GuestTcpOptions> = {}): GuestTcp {
  return new GuestTcp({ ...SERVER, transmit: frame => network.transmit(frame), ...options });
}

/** A connection that stands. */
async function conversation(
  options: UserNetworkOptions = {},
  guestOptions: Partial<GuestTcpOptions> = {},
): Promise<Conversation> {
  const all = await lab(options);
  const guest = guestOf(all, guestOptions);
  wire(all, guest);
  guest.connect();
  const [stream] = all.host.streams;
  stream.events.connected();
  all.host.settle();
  expect(guest.state).toBe('open');
  return { ...all, guest, stream };
}

it('carries data both ways', async () => {
  const { guest, stream, host } = await conversation();
  expect(stream.to).toEqual({ address: '192.0.2.1', port: 80 });
  guest.send('GET / HTTP/1.0\r\n\r\n');
  host.settle();
  expect(stream.text).toBe('GET / HTTP/1.0\r\n\r\n');
  stream.events.data(Buffer.from('HTTP/1.0 200 OK\r\n'));
  expect(guest.text).toBe('HTTP/1.0 200 OK\r\n');
});
