import type { SerialPort } from '../../vmm/machine/serial-port.js';
import { ExitStatus, signalStatus } from '../exit-statuses.js';
import { systemErrorText, writeStdout } from '../output.js';
import { tell } from '../report-error.js';
import { TerminalMonitor } from '../monitor/terminal-monitor.js';
import type { BackendContext, SerialBackend } from './backend.js';
import { EscapeKeys, KEYS } from './escape-keys.js';

/** Bytes that somebody may type ahead of a guest that does not read; the machine has taken some more before that. */
const TYPE_AHEAD = 4096;
const BELL = '\x07';

/** A serial port on the terminal or the pipes that tsvmm was started with. */
export async function connectStdio(port: SerialPort, context: BackendContext): Promise<SerialBackend> {
  const disconnect = process.stdin.isTTY
    ? connectKeyboard(port, context)
    : context.inputFirst
      ? await takeInput(port)
      : connectPipe(port, context);
  const forgetSize = tellSize(port);
  return {
    where: 'stdio',
    finished: copyToStdout(port),
    patienceMs: Infinity,
    close: () => {
      disconnect();
      forgetSize();
      const { stdin } = process;
      stdin.pause();
      // A terminal or pipe that is still open must not keep the process; a file has nothing to let go of.
      if ('unref' in stdin) stdin.unref();
    },
  };
}

/** Output goes out as fast as its reader takes it. */
async function copyToStdout(port: SerialPort): Promise<void> {
  for await (const data of port.readable) await writeStdout(data);
}

/** Tells the guest how large the terminal is, now and whenever that changes. Returns how to stop that. */
function tellSize(port: SerialPort): () => void {
  const { stdout } = process;
  if (!stdout.isTTY) return () => undefined;
  const tell = (): void => {
    // A terminal that does not know its own has 0.
    if (stdout.columns > 0 && stdout.rows > 0) port.resize(stdout.columns, stdout.rows);
  };
  tell();
  stdout.on('resize', tell);
  return () => stdout.off('resize', tell);
}

/** A terminal: every key goes to the guest, but for those of {@link EscapeKeys}. Returns how to give it back. */
function connectKeyboard(port: SerialPort, context: BackendContext): () => void {
  const { stdin } = process;
  const monitor = new TerminalMonitor(context.newMonitor, context.fail);
  const keys = new EscapeKeys({
    quit: () => context.quit(ExitStatus.Quit),
    help: () => process.stderr.write(`\n${KEYS.join('\n')}\n`),
    monitor: () => monitor.toggle(),
  });
  let ahead = 0;
  const typeToGuest = (data: Uint8Array): void => {
    if (ahead + data.length > TYPE_AHEAD) {
      process.stderr.write(BELL);
      return;
    }
    ahead += data.length;
    void port.write(data).then(() => (ahead -= data.length));
  };
  // Read on even if the guest takes nothing: Ctrl-A x must always work.
  const onTyped = (typed: Uint8Array): void =>
    keys.filter(typed, data => (monitor.isActive ? monitor.type(data) : typeToGuest(data)));
  const onGone = (): void => context.quit(signalStatus('SIGHUP'));
  // The shell that continues a stopped tsvmm has made the terminal its own in between.
  const onContinued = (): void => {
    stdin.setRawMode(false);
    stdin.setRawMode(true);
  };
  stdin.on('error', onGone);
  stdin.on('end', onGone);
  stdin.on('data', onTyped);
  process.on('SIGCONT', onContinued);
  stdin.setRawMode(true);
  return () => {
    monitor.close();
    process.off('SIGCONT', onContinued);
    stdin.off('data', onTyped);
    stdin.off('end', onGone);
    stdin.off('error', onGone);
    // A terminal that is gone has no mode to go back to.
    stdin.on('error', () => undefined);
    stdin.setRawMode(false);
  };
}

/** A pipe or file that is read to its end before the guest starts. */
async function takeInput(port: SerialPort): Promise<() => void> {
  try {
    for await (const data of process.stdin) void port.write(data as Uint8Array);
  } catch (error) {
    tell(`no more input: cannot read standard input: ${systemErrorText(error)}`);
  }
  return () => undefined;
}

/** A pipe or file: read as fast as the guest takes it. Its end means that no more input comes. */
function connectPipe(port: SerialPort, context: BackendContext): () => void {
  const { stdin } = process;
  let closed = false;
  const onData = (data: Uint8Array): void => {
    stdin.pause();
    port.write(data).then(() => {
      if (!closed) stdin.resume();
    }, context.fail);
  };
  stdin.on('error', error => tell(`no more input: cannot read standard input: ${systemErrorText(error)}`));
  stdin.on('data', onData);
  return () => {
    closed = true;
    stdin.off('data', onData);
  };
}
