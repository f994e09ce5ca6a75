import { shutEchoDown, talkToEcho } from './echo-case.js';
import { check, CheckFailed } from '../cases/errors.js';
import { withMachine } from '../cases/machine.js';
import { addressOf, checkCpus, checkEnd } from './machine.js';
import { loadMemcached } from './memcached-case.js';
import { freePort } from '../cases/ports.js';
import { loadRedis, shutRedisDown } from './redis-case.js';

/** @import { MachineOptions, NetworkOption, RunResult } from 'tsvmm' */
/** @import { Case } from './boot-cases.js' */
/** @import { FileKey } from './files.js' */
/** @import { Server } from './server.js' */

/** The first address that the user network's DHCP server gives. */
const FIRST_ADDRESS = '10.0.2.15';

/**
 * An application that serves clients on the host.
 *
 * @typedef {object} Application
 * @property {string} name
 * @property {FileKey} disk
 * @property {string} command
 * @property {RegExp} ready what it prints when it listens
 * @property {Readonly<Record<string, ['tcp' | 'udp', number]>>} ports of the guest
 * @property {(server: Server) => Promise<string>} use says what was seen
 * @property {(server: Server) => Promise<void>} [shutDown] asks it to end, and does not wait until it has; of one that does not
 *   end on OSv when it is asked to, the machine is stopped
 */

/** @type {Application} */
const echo = {
  name: 'HTTP and echo server',
  disk: 'echoDisk',
  command: '/echohttp',
  ready: /http: listening[^]*echo: listening|echo: listening[^]*http: listening/,
  ports: { http: ['tcp', 80], echo: ['tcp', 7], udp: ['udp', 7] },
  use: talkToEcho,
  shutDown: shutEchoDown,
};

/** @type {Application} */
const memcached = {
  name: 'memcached',
  disk: 'memcachedDisk',
  command: '/memcached -t 2 -u root -m 256',
  ready: /Cmdline: /,
  ports: { memcached: ['tcp', 11211] },
  use: loadMemcached,
};

/** @type {Application} */
const redis = {
  name: 'redis',
  disk: 'redisDisk',
  command: '/redis-server /redis6.conf',
  ready: /Ready to accept connections/,
  ports: { redis: ['tcp', 6379] },
  use: loadRedis,
  shutDown: shutRedisDown,
};

/**
 * Clients wait for ever where a guest ends without a word.
 *
 * @param {Promise<RunResult>} run
 * @returns {Promise<never>}
 */
async function early(run) {
  const { reason } = await run;
  throw new CheckFailed(`the run ended by ${reason} under the load`);
}

/**
 * @param {Application} application
 * @param {string} where
 * @param {{ cpus: number, interface?: NetworkOption['interface'], options?: Partial<MachineOptions>, before?: string }} how
 * @returns {Case}
 */
function serverCase(application, where, { cpus, interface: kind, options = {}, before = '' }) {
  return {
    name: `${application.name}, ${where}, ${cpus} vCPU${cpus === 1 ? '' : 's'}`,
    needs: ['kernel', application.disk],
    async run({ files, accel, timeoutMs, loadMs, bulk }) {
      /** @type {Record<string, number>} */
      const ports = {};
      const hostForwards = [];
      for (const [name, [protocol, guestPort]] of Object.entries(application.ports)) {
        ports[name] = await freePort();
        hostForwards.push({ protocol, hostAddress: '127.0.0.1', hostPort: ports[name], guestPort });
      }
      const server = { ports, cpus, loadMs, bulk };
      const on = kind && { interface: kind };
      return withMachine(
        {
          ...options,
          accel,
          cpus,
          kernel: files.path('kernel'),
          append: `${before}--verbose --rootfs=rofs ${application.command}`,
          disks: [{ file: files.path(application.disk), snapshot: true, ...on }],
          networks: [{ type: 'user', hostForwards, ...on }],
          timeoutMs: timeoutMs + 10 * loadMs,
        },
        async (machine, run) => {
          await machine.serial.waitFor(application.ready, { timeoutMs });
          checkCpus(machine, cpus);
          const address = addressOf(machine);
          check(address === FIRST_ADDRESS, `DHCP gave ${address}`);
          const seen = await Promise.race([application.use(server), early(run)]);
          if (application.shutDown) {
            await application.shutDown(server);
            checkEnd(await run, options);
          } else await machine.stop();
          return seen;
        },
      );
    },
  };
}

export const serverCases = [1, 4].flatMap(cpus => [
  serverCase(echo, 'legacy PCI', { cpus, interface: 'legacy' }),
  serverCase(echo, 'transitional PCI', { cpus, interface: 'transitional' }),
  serverCase(echo, 'modern PCI', { cpus, interface: 'modern' }),
  serverCase(echo, 'microvm', { cpus, options: { machine: 'microvm' }, before: '--nopci ' }),
  serverCase(echo, 'HPET alone', { cpus, options: { cpu: { kvm: false } } }),
  serverCase(memcached, 'PC', { cpus }),
  serverCase(redis, 'PC', { cpus }),
]);
