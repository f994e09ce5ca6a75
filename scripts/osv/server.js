/**
 * A server in a guest, as its clients see it.
 *
 * @typedef {object} Server
 * @property {Readonly<Record<string, number>>} ports of the host, by what is behind them
 * @property {number} cpus of the guest
 * @property {number} loadMs how long to keep it busy
 * @property {number} bulk bytes of an answer, of a request and of an echoed stream
 */
export {};
