import { Readable } from 'node:stream';
import type { SerialPort } from '../vmm/machine/serial-port.js';
import type { BackendContext, SerialBackend } from './serial-backends.js';

const CTRL_A = 0x01;

const KEYS = [
  'Ctrl-A h   this list',
  'Ctrl-A x   end the run and leave tsvmm',
  'Ctrl-A a   send Ctrl-A to the guest',
];

/**
 * Takes the keys that are meant for tsvmm out of what a person types: Ctrl-A and a letter, as in QEMU. Everything
 * else goes to the guest.
 */
export class EscapeKeys {
  private escaped = false;

  constructor(private readonly actions: { readonly quit: () => void; readonly help: () => void }) {}

  /** What of `typed` goes to the guest. */
  filter(typed: Uint8Array): Uint8Array {
    const kept: number[] = [];
    for (const byte of typed) {
      if (this.escaped) {
        this.escaped = false;
        this.command(byte, kept);
      } else if (byte === CTRL_A) this.escaped = true;
      else kept.push(byte);
    }
    return Uint8Array.from(kept);
  }

  private command(byte: number, kept: number[]): void {
    switch (String.fromCharCode(byte)) {
      case 'x':
        this.actions.quit();
        break;
      case 'h':
      case '?':
        this.actions.help();
        break;
      case 'a':
      case '\x01':
        kept.push(CTRL_A);
        break;
    }
  }
}

/** A serial port on the terminal or pipes that tsvmm was started with. */
export function connectTerminal(port: SerialPort, context: BackendContext): SerialBackend {
  const { stdin, stdout } = process;
  const raw = stdin.isTTY;
  let open = true;
  const keys = new EscapeKeys({
    quit: () => context.quit(),
    help: () => process.stderr.write(`\r\n${KEYS.join('\r\n')}\r\n`),
  });
  const typed = (data: Buffer): void => {
    if (raw) {
      // Read on even if the guest takes nothing: Ctrl-A x must always work.
      void port.write(keys.filter(data));
      return;
    }
    stdin.pause();
    void port.write(data).then(() => open && stdin.resume());
  };
  if (raw) stdin.setRawMode(true);
  stdin.on('data', typed);
  stdout.on('error', context.quit);
  return {
    finished: copy(port),
    close: () => {
      open = false;
      if (raw) stdin.setRawMode(false);
      stdin.off('data', typed);
      stdin.pause();
      // A terminal or pipe that is still open must not keep the process; a file has nothing to let go of.
      if ('unref' in stdin) stdin.unref();
      stdout.off('error', context.quit);
    },
  };
}

/** Output goes out as fast as the other end reads it; a closed pipe ends the copying, not the flow. */
async function copy(port: SerialPort): Promise<void> {
  for await (const data of Readable.fromWeb(port.readable)) {
    if (process.stdout.destroyed) continue;
    if (!process.stdout.write(data as Uint8Array)) {
      await new Promise<void>(resolve => {
        process.stdout.once('drain', resolve);
        process.stdout.once('close', resolve);
      });
    }
  }
}
