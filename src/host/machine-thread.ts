import { once } from 'node:events';
import { parentPort, receiveMessageOnPort, workerData } from 'node:worker_threads';
import type { ImageHost } from '../block/qcow2/open.js';
import { ConfigError } from '../errors.js';
import type { Accelerator } from '../vmm/accelerator.js';
import type { Device } from '../vmm/device.js';
import type { Interrupter } from '../vmm/doorbell.js';
import { Latch } from '../vmm/latch.js';
import type { DeviceContext } from '../vmm/machine/board.js';
import { MachineWorker } from '../vmm/machine/machine-worker.js';
import type { FromWorker, ToWorker, WorkerSetup } from '../vmm/machine/protocol.js';
import { serializeError } from '../vmm/machine/serialize-error.js';
import type { MachineThreadPurpose, MachineThreadStart } from './machine-worker-thread.js';

/** Kicks further vCPUs out of KVM. Native code is loaded with the accelerator that needs it. */
let interruptThread: Interrupter | undefined;

// Without `await` at the top: the bundle is CommonJS.
void begin(workerData as MachineThreadPurpose);

async function begin({ accelerator }: MachineThreadPurpose): Promise<void> {
  if (accelerator === 'wasm') (await import('../cpu/wasm-accelerator.js')).WasmAccelerator.prepare();
  const [start] = (await once(parentPort!, 'message')) as [MachineThreadStart | undefined];
  if (start) await serve(start);
}

async function serve({ setup, port }: MachineThreadStart): Promise<void> {
  const post = (message: FromWorker): void => port.postMessage(message);
  try {
    const worker = new MachineWorker(setup, {
      post,
      receive: () => receiveMessageOnPort(port)?.message as ToWorker | undefined,
      interrupt: (tid, exitByte) => interruptThread?.(tid, exitByte),
      loadAccelerator,
      loadDevice,
      loadImageHost,
    });
    await worker.serve();
  } catch (error) {
    post({ type: 'crashed', error: serializeError(error) });
  } finally {
    port.close();
    new Latch(setup.done).open();
  }
}

/** Only the one that is asked for is loaded. */
async function loadAccelerator({ accelerator, kvmDevice }: WorkerSetup): Promise<Accelerator> {
  switch (accelerator) {
    case 'kvm': {
      const { KvmAccelerator } = await import('../vmm/kvm/kvm-accelerator.js');
      ({ interruptThread } = await import('./kick-signal.js'));
      return new KvmAccelerator(kvmDevice);
    }
    case 'wasm': {
      const { WasmAccelerator } = await import('../cpu/wasm-accelerator.js');
      return new WasmAccelerator();
    }
  }
}

/** Locks and holes need native code, which is loaded with the first disk. */
async function loadImageHost(): Promise<ImageHost> {
  const [{ HostBlockFile }, { inflate }] = await Promise.all([
    import('./block-file.js'),
    import('./inflate.js'),
  ]);
  return { openFile: (path, readOnly) => HostBlockFile.open(path, readOnly), inflate };
}

type MakeDevice = (context: DeviceContext, options: unknown) => Device;

async function loadDevice(url: string): Promise<MakeDevice> {
  let module: { readonly default?: unknown };
  try {
    module = (await import(url)) as { readonly default?: unknown };
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new ConfigError(`cannot load the device module ${url}: ${why}`, { url }, { cause });
  }
  if (typeof module.default !== 'function')
    throw new ConfigError(`the device module ${url} has no default export that makes a device`, { url });
  return module.default as MakeDevice;
}
