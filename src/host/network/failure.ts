import type { HostFailure } from '../../net/user/host.js';

const FAILURES: Readonly<Record<string, HostFailure>> = {
  ECONNREFUSED: 'refused',
  ECONNRESET: 'refused',
  EHOSTUNREACH: 'unreachable',
  EHOSTDOWN: 'unreachable',
  ENETUNREACH: 'unreachable',
  ENETDOWN: 'unreachable',
  EADDRNOTAVAIL: 'unreachable',
  EAFNOSUPPORT: 'unreachable',
  ETIMEDOUT: 'unreachable',
  EMSGSIZE: 'too-big',
  EMFILE: 'exhausted',
  ENFILE: 'exhausted',
  ENOBUFS: 'exhausted',
  ENOMEM: 'exhausted',
};

/** What an error of Node's sockets means for a network. */
export function failureOf({ code = '' }: NodeJS.ErrnoException): HostFailure {
  return FAILURES[code] ?? 'other';
}
