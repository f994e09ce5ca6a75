import { Worker } from 'node:worker_threads';
import type { ByteRing } from '../../../src/vmm/byte-ring.js';
import type { Doorbell } from '../../../src/vmm/doorbell.js';
import type { FlowLimit } from '../../../src/vmm/flow-limit.js';
import type { Latch } from '../../../src/vmm/latch.js';
import type { RemoteReply } from '../../../src/vmm/machine/remote-device.js';
import type { RingSink } from '../../../src/vmm/machine/ring-sink.js';
import type { RemoteVcpu, VcpuLink } from '../../../src/vmm/machine/vcpu-link.js';

/** What code on another thread has of tsvmm: its built modules, since Node runs no TypeScript. */
export interface ThreadModules {
  readonly ByteRing: typeof ByteRing;
  readonly Doorbell: typeof Doorbell;
  readonly FlowLimit: typeof FlowLimit;
  readonly Latch: typeof Latch;
  readonly RemoteReply: typeof RemoteReply;
  readonly RemoteVcpu: typeof RemoteVcpu;
  readonly RingSink: typeof RingSink;
  readonly VcpuLink: typeof VcpuLink;
}

const MODULES = [
  'byte-ring',
  'doorbell',
  'flow-limit',
  'latch',
  'machine/remote-device',
  'machine/ring-sink',
  'machine/vcpu-link',
];

/**
 * Runs `body` on a thread of its own. It must not use anything but its parameters: only its text gets there.
 * @returns what `body` returned
 */
export function onThread<Data, Result>(
  data: Data,
  body: (data: Data, modules: ThreadModules) => Result,
): Promise<Result> {
  const urls = MODULES.map(name => new URL(`../../../dist/vmm/${name}.js`, import.meta.url).href);
  const code = `
    const { parentPort, workerData } = require('node:worker_threads');
    Promise.all(workerData.urls.map(url => import(url)))
      .then(modules => (${body.toString()})(workerData.data, Object.assign({}, ...modules)))
      .then(result => parentPort.postMessage(result));
  `;
  return new Promise((resolve, reject) => {
    const worker = new Worker(code, { eval: true, workerData: { urls, data } });
    worker.once('message', resolve);
    worker.once('error', reject);
  });
}
