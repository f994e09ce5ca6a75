import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { CLI, MEMORY_MIB } from './places.js';

/**
 * What a machine is started with.
 * @typedef {object} Guest
 * @property {string} kernel
 * @property {string} commandLine
 * @property {string} [initrd]
 * @property {number} [memoryMib]
 * @property {number} [cpus]
 * @property {{ readonly path: string, readonly format: 'raw' | 'qcow2' }} [disk] on virtio-blk
 * @property {'user'} [network] on virtio-net, each machine's own
 * @property {'pc' | 'microvm'} [machine] tsvmm's; QEMU's is always its pc
 */

/** @typedef {'tsvmm' | 'kvm' | 'tcg' | 'v86'} MachineName */

const V86 = fileURLToPath(new URL('./v86-machine.js', import.meta.url));

/**
 * The machines that are compared: the command that boots a guest with its serial port on standard output, and the
 * statuses it ends with when the guest was content.
 * @type {Readonly<Record<MachineName, { readonly title: string, readonly success: readonly number[],
 *   command(guest: Guest): readonly [string, ...string[]] }>>}
 */
export const MACHINES = {
  tsvmm: { title: 'tsvmm', success: [0], command: guest => tsvmm('wasm', guest) },
  kvm: { title: 'tsvmm, KVM', success: [0], command: guest => tsvmm('kvm', guest) },
  tcg: {
    title: 'QEMU TCG',
    success: [0, 1], // the debug exit's is (code << 1) | 1
    command: ({ kernel, commandLine, initrd, memoryMib = MEMORY_MIB, cpus = 1, disk, network }) => [
      process.env['QEMU'] ?? 'qemu-system-x86_64',
      ...['-accel', 'tcg', '-cpu', 'max', '-smp', `${cpus}`, '-m', `${memoryMib}`],
      ...['-nodefaults', '-display', 'none', '-serial', 'stdio', '-no-reboot'],
      ...['-device', 'isa-debug-exit,iobase=0xf4,iosize=4'],
      ...['-kernel', kernel, '-append', commandLine],
      ...(initrd === undefined ? [] : ['-initrd', initrd]),
      ...(disk === undefined
        ? []
        : [
            '-drive',
            `file=${disk.path},format=${disk.format},if=none,id=d`,
            '-device',
            'virtio-blk-pci,drive=d',
          ]),
      ...(network === undefined ? [] : ['-netdev', `${network},id=n`, '-device', 'virtio-net-pci,netdev=n']),
    ],
  },
  v86: {
    title: 'v86',
    success: [0],
    command: ({ kernel, commandLine, memoryMib = MEMORY_MIB }) => [
      process.execPath,
      V86,
      kernel,
      `${memoryMib}`,
      commandLine,
    ],
  },
};

/**
 * @param {'wasm' | 'kvm'} accelerator
 * @param {Guest} guest
 * @returns {[string, ...string[]]}
 */
function tsvmm(
  accelerator,
  { kernel, commandLine, initrd, memoryMib = MEMORY_MIB, cpus = 1, disk, network, machine = 'pc' },
) {
  return [
    process.execPath,
    ...[
      CLI,
      'run',
      '--machine',
      machine,
      '--accel',
      accelerator,
      '--cpus',
      `${cpus}`,
      '--memory',
      `${memoryMib}M`,
    ],
    ...(initrd === undefined ? [] : ['--initrd', initrd]),
    ...(disk === undefined ? [] : ['--disk', `${disk.path},format=${disk.format}`]),
    ...(network === undefined ? [] : ['--net', network]),
    ...['--append', commandLine, kernel],
  ];
}

/**
 * A machine that runs.
 * @typedef {object} Running
 * @property {number} pid of its process
 * @property {() => void} stop ends it; how it then ends does not matter
 */

/**
 * Boots a guest and tells each line of its serial port as it arrives.
 * @param {MachineName} name
 * @param {Guest} guest
 * @param {(line: string, machine: Running) => void} onLine
 * @param {{ readonly timeoutMs?: number }} [options]
 * @returns {Promise<string>} all of the output, when the process has ended
 */
export async function runMachine(name, guest, onLine, { timeoutMs = 300_000 } = {}) {
  const [command, ...args] = MACHINES[name].command(guest);
  const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'] });
  const { pid } = child;
  if (pid === undefined)
    throw new Error(`${command} cannot be started: ${String(await once(child, 'error'))}`);
  let isStopped = false;
  const running = {
    pid,
    stop: () => {
      isStopped = true;
      child.kill('SIGTERM');
    },
  };
  let output = '';
  let lineStart = 0;
  let errors = '';
  child.stderr.on('data', data => (errors += String(data)));
  child.stdout.setEncoding('latin1').on('data', data => {
    output += data;
    for (let end = output.indexOf('\n', lineStart); end >= 0; end = output.indexOf('\n', lineStart)) {
      const line = output.slice(lineStart, end).trimEnd();
      lineStart = end + 1;
      onLine(line, running);
    }
  });
  const timer = setTimeout(() => child.kill('SIGKILL'), timeoutMs);
  const [status, signal] = await once(child, 'close');
  clearTimeout(timer);
  if (isStopped || MACHINES[name].success.includes(status)) return output;
  const how =
    signal === 'SIGKILL' ? `took more than ${timeoutMs} ms` : `ended with status ${status ?? signal}`;
  throw new Error(`${[command, ...args].join(' ')} ${how}:\n${output}${errors}`);
}
