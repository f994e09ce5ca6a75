import { checkUserNetwork, type UserNetworkOptions } from '../../../../../src/net/user/options.js';
import { UserNetwork } from '../../../../../src/net/user/user-network.js';
import { FakeCard } from './fake-card.js';
import { FakeHost } from './fake-host.js';

export interface Lab {
  readonly network: UserNetwork;
  readonly card: FakeCard;
  readonly host: FakeHost;
}

/** A user network between a card and a host that the test plays. */
export async function lab(options: UserNetworkOptions = {}, memory?: number): Promise<Lab> {
  const host = new FakeHost();
  const card = new FakeCard();
  const network = await UserNetwork.open(checkUserNetwork(options), host, memory);
  network.attach(card);
  return { network, card, host };
}
