import type { SerialPort } from '../../vmm/machine/serial-port.js';
import type { BackendContext, SerialBackend } from './backend.js';
import type { SerialSpec } from './spec.js';

/**
 * Connects a serial port. Each kind's code is loaded only when it is asked for.
 * @throws ConfigError when a path cannot be used
 */
export async function connectSerial(
  port: SerialPort,
  spec: SerialSpec,
  context: BackendContext,
): Promise<SerialBackend> {
  switch (spec.kind) {
    case 'stdio': {
      const { connectStdio } = await import('./stdio.js');
      return connectStdio(port, context);
    }
    case 'file': {
      const { connectFile } = await import('./file.js');
      return connectFile(port, spec.path);
    }
    case 'pty': {
      const { connectPty } = await import('./pty.js');
      return connectPty(port, context);
    }
    case 'unix': {
      const { connectUnixSocket } = await import('./unix-socket.js');
      return connectUnixSocket(port, spec.path, context);
    }
    case 'none':
      // A port that nobody reads drops its output.
      return { where: 'not connected', finished: Promise.resolve(), patienceMs: 0, close: () => undefined };
  }
}
