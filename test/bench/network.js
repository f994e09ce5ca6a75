import { freePort } from '../../scripts/cases/ports.js';
import { commandLine, netGuest } from '../../scripts/linux-net/guest.js';
import { Program, withPrograms } from '../../scripts/linux-net/peers.js';
import { runMachine } from './machines.js';
import { processorTime } from './processes.js';
import { figure } from './report.js';
import { median } from './stats.js';

const MEBIBYTES = 128;
const PASSES = 3;
const LEAST = 0.5;
/** The initial RAM disk has Debian's programs in it. */
const MEMORY_MIB = 512;

/** A busy host's. */
const TIMEOUT_MS = 1_800_000;

/** What test/guests/linux-net/bench.sh says before and behind each measurement. */
const LINE = /^net-bench: (begin|end) (\S+)$/;

/**
 * iperf3 in a Linux guest, against a server on the host's loopback, through tsvmm's user network and QEMU's own.
 * @param {{ readonly rounds: number, readonly clock: 'wall' | 'processor' }} options
 */
export async function measureNetwork({ rounds, clock }) {
  const { bzImage, initrd } = await netGuest(line => process.stderr.write(`${line}\n`));
  const port = await freePort();
  const server = new Program('iperf3', ['-s', '-B', '127.0.0.1', '-p', port, '--forceflush']);
  /** @type {Record<'tsvmm' | 'tcg', Map<string, number[]>>} */
  const speeds = { tsvmm: new Map(), tcg: new Map() };
  await withPrograms([server], async () => {
    await server.printed(/Server listening/);
    for (let round = 0; round < rounds; round++) {
      for (const machine of /** @type {const} */ (['tsvmm', 'tcg'])) {
        const guest = {
          kernel: bzImage,
          initrd,
          commandLine: `reboot=k panic=-1 ${commandLine('bench', [port, MEBIBYTES, PASSES])}`,
          memoryMib: MEMORY_MIB,
          network: /** @type {const} */ ('user'),
        };
        for (const [name, values] of await run(machine, guest, clock)) {
          speeds[machine].set(name, [...(speeds[machine].get(name) ?? []), ...values]);
        }
      }
    }
  });
  return [...speeds.tsvmm].map(([name, values]) => {
    const [value, peer] = [median(values), median(speeds.tcg.get(name) ?? [NaN])];
    return figure(`user network, ${name}`, 'MB/s', value, {
      peer,
      peerName: 'QEMU TCG',
      compared: value / peer,
      bar: { kind: 'ratio', least: LEAST },
    });
  });
}

/**
 * @param {'tsvmm' | 'tcg'} machine
 * @param {import('./machines.js').Guest} guest
 * @param {'wall' | 'processor'} clock
 * @returns {Promise<Map<string, number[]>>} for each measurement, its speed in each pass
 */
async function run(machine, guest, clock) {
  /** @type {Map<string, number[]>} */
  const speeds = new Map();
  let begin = NaN;
  const output = await runMachine(
    machine,
    guest,
    (line, { pid }) => {
      const match = LINE.exec(line);
      if (!match) return;
      const now = clock === 'wall' ? performance.now() : processorTime(pid) / 1e6;
      const [, what, name] = match;
      if (what === 'begin') begin = now;
      else speeds.set(name, [...(speeds.get(name) ?? []), (MEBIBYTES * 1.048576) / ((now - begin) / 1000)]);
    },
    { timeoutMs: TIMEOUT_MS },
  );
  if (speeds.size === 0 || /^iperf3: error/m.test(output))
    throw new Error(`nothing was measured:\n${output}`);
  return speeds;
}
