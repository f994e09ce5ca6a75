// A download by Linux through the user network, on the software CPU beside QEMU TCG with its own, the same guest in one
// run: node test/bench/network.js, after npm run build.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { createMachine } from 'tsvmm';
import { linuxGuest } from '../../scripts/kvm-in-qemu/linux-guest.js';

const SIZE = 60 << 20;
const ROUNDS = 3;

const guest = await linuxGuest(line => console.error(line));
const body = Buffer.alloc(SIZE, 7);
const server = createServer((_request, response) => {
  response.setHeader('content-length', SIZE);
  response.end(body);
}).listen(0, '127.0.0.1');
await once(server, 'listening');
const address = server.address();
if (address === null || typeof address === 'string') throw new Error('the server has no port');
const fetch = `time wget -q -O /dev/null http://10.0.2.2:${address.port}/`;
const script = [
  'ifconfig eth0 10.0.2.15 up',
  'route add default gw 10.0.2.2',
  ...Array(ROUNDS).fill(fetch),
].join('; ');
const append = `console=ttyS0 quiet tsvmm.modules=virtio_pci,virtio_net -- /bin/sh -c "${script}"`;

/** @returns {Promise<string>} what the guest printed */
async function onQemu() {
  const qemu = spawn(
    'qemu-system-x86_64',
    [
      ...['-accel', 'tcg', '-m', '512', '-nodefaults', '-display', 'none', '-serial', 'stdio', '-no-reboot'],
      ...['-kernel', guest.bzImage, '-initrd', guest.initrd, '-append', append],
      ...['-netdev', 'user,id=n', '-device', 'virtio-net-pci,netdev=n'],
    ],
    { stdio: ['ignore', 'pipe', 'inherit'] },
  );
  let text = '';
  qemu.stdout.on('data', data => (text += String(data)));
  await once(qemu, 'exit');
  return text;
}

/** @returns {Promise<string>} what the guest printed */
async function onTsvmm() {
  const machine = await createMachine({
    kernel: guest.bzImage,
    initrd: guest.initrd,
    accel: 'wasm',
    memory: '512M',
    append,
    networks: [{ type: 'user' }],
    timeoutMs: 600_000,
  });
  await machine.run();
  const { text } = machine.serial;
  await machine.close();
  return text;
}

/**
 * @param {string} text
 * @returns {number} MiB a second of the fastest round
 */
function throughput(text) {
  const times = [...text.matchAll(/real\s+(\d+)m ([\d.]+)s/g)].map(([, m, s]) => Number(m) * 60 + Number(s));
  if (times.length !== ROUNDS) throw new Error(`the guest did not download:\n${text}`);
  return SIZE / 2 ** 20 / Math.min(...times);
}

const qemu = throughput(await onQemu());
const tsvmm = throughput(await onTsvmm());
server.close();
console.log(
  `download, MiB/s: qemu ${qemu.toFixed(1)}, tsvmm ${tsvmm.toFixed(1)}, ratio ${(tsvmm / qemu).toFixed(2)}`,
);
