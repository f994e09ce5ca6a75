import { check } from '../cases/errors.js';
import { freePort } from '../cases/ports.js';
import { runScript } from './machine.js';
import { Program, withPrograms } from './peers.js';

/** @import { Case } from './machine.js' */

/** @type {NonNullable<Case['needs']>} */
const IPERF3 = [['iperf3', 'iperf3']];

/**
 * What iperf3 says at the end of a measurement.
 *
 * @param {string} text
 * @returns {string} megabits a second at the receiver
 */
function received(text) {
  const lines = [...text.matchAll(/^\[(?:SUM| *\d+)\] .*? ([\d.]+) Mbits\/sec .*receiver\r?$/gm)];
  const rate = lines.at(-1)?.[1];
  check(rate !== undefined && Number(rate) > 0, `iperf3 has not come to its end:\n${text}`);
  return `${Number(rate).toFixed(0)} Mbit/s`;
}

/**
 * A client in the guest.
 *
 * @param {string} name
 * @param {readonly (string | number)[]} args
 * @returns {Case}
 */
function guestClient(name, args) {
  return {
    name,
    needs: IPERF3,
    run: async context => {
      const port = await freePort();
      const server = new Program('iperf3', ['-s', '-1', '-B', '127.0.0.1', '-p', port, '--forceflush']);
      const client = ['-c', '10.0.2.2', '-p', port, '-t', context.seconds, ...args];
      return withPrograms([server], async () => {
        await server.printed(/Server listening/);
        return received((await runScript(context, 'iperf3', client)).text);
      });
    },
  };
}

/**
 * A server in the guest, behind a forwarded port.
 *
 * @param {string} name
 * @param {readonly string[]} args
 * @returns {Case}
 */
function hostClient(name, args) {
  return {
    name,
    needs: IPERF3,
    run: async context => {
      const port = await freePort();
      let rate = '';
      await runScript(context, 'iperf3', ['-s', '-1'], {
        hostForwards: [`tcp:127.0.0.1:${port}-:5201`],
        meanwhile: async machine => {
          await machine.serial.waitFor('Server listening');
          const client = new Program('iperf3', [
            ...['-c', '127.0.0.1', '-p', port, '-t', context.seconds, '--format', 'm'],
            ...args,
          ]);
          await client.ended;
          rate = received(client.output);
        },
      });
      return rate;
    },
  };
}

/** @type {readonly Case[]} */
export const iperf3Cases = [
  guestClient('iperf3, the guest sends', []),
  guestClient('iperf3, the guest receives', ['-R']),
  guestClient('iperf3, eight connections at once, the guest sends', ['-P', 8]),
  guestClient('iperf3, eight connections at once, the guest receives', ['-P', 8, '-R']),
  guestClient('iperf3 over UDP, the guest sends 50 Mbit/s', ['-u', '-b', '50M', '-l', 1400]),
  guestClient('iperf3 over UDP, the guest receives 50 Mbit/s', ['-u', '-b', '50M', '-l', 1400, '-R']),
  hostClient('iperf3 through a port forward, the guest receives', []),
  hostClient('iperf3 through a port forward, the guest sends', ['-R']),
];
