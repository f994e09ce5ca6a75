import { parentPort } from 'node:worker_threads';
import { Latch } from '../../vmm/latch.js';
import { serializeError } from '../../vmm/machine/serialize-error.js';
import { bell, FarEnd } from './far-end.js';
import type { FromIoWorker, ToIoWorker } from './io-protocol.js';

/** The I/O worker: an event loop for the networks of all machines of the process. */
const port = parentPort!;
const ends = new Map<number, FarEnd>();

port.on('message', (message: ToIoWorker) => {
  switch (message.type) {
    case 'open':
      void open(message);
      break;
    case 'close':
      ends.get(message.id)?.close();
      ends.delete(message.id);
      post({ type: 'closed', id: message.id });
      break;
    case 'end':
      for (const end of ends.values()) end.close();
      ends.clear();
      port.close();
      new Latch(message.done).open();
      break;
  }
});

async function open({ id, setup }: Extract<ToIoWorker, { type: 'open' }>): Promise<void> {
  try {
    const end = await FarEnd.open(setup);
    ends.set(id, end);
    post({ type: 'opened', id, mtu: end.mtu, bell });
  } catch (error) {
    post({ type: 'refused', id, error: serializeError(error) });
  }
}

function post(message: FromIoWorker): void {
  port.postMessage(message);
}
