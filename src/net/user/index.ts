export { checkUserNetwork, type CheckedUserNetwork, type UserNetworkOptions } from './options.js';
export type { GuestForward, HostForward } from './forwards.js';
export { parseUserNetwork } from './parse-options.js';
export type { NetworkHost } from './host.js';
export { UserNetwork } from './user-network.js';
