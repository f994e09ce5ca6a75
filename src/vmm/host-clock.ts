/**
 * The host's monotonic clock, in ms. Looked up once a thread: in Node the global `performance` is a getter that costs more than
 * the reading.
 */
export const hostClock: Pick<typeof performance, 'now' | 'timeOrigin'> = performance;
