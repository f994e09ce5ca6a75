import type { MacAddress } from './ethernet.js';
import type { NetworkHost } from './host.js';
import type { IcmpErrors } from './icmp-errors.js';
import type { IpOutput } from './ip-output.js';
import type { Link } from './link.js';
import type { Neighbours } from './neighbours.js';
import type { CheckedUserNetwork } from './options.js';
import type { Routes } from './routes.js';
import type { Timers } from './timers.js';

/** What the parts of a user network share. */
export interface Network {
  readonly options: CheckedUserNetwork;
  readonly host: NetworkHost;
  readonly timers: Timers;
  readonly link: Link;
  readonly output: IpOutput;
  /** The gateway's, and of everything else that is behind it. */
  readonly mac: MacAddress;
  readonly routes: Routes;
  readonly neighbours: Neighbours;
  readonly errors: IcmpErrors;
}
