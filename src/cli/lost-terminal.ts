import { closeSync, openSync } from 'node:fs';
import { isatty } from 'node:tty';

const STANDARD_STREAMS = [0, 1, 2];

/**
 * When it ends, Node gives terminals back as it found them, and aborts if one of them is gone by then: when its window was
 * closed, say. Such a one is replaced by /dev/null in time.
 */
export function surviveLostTerminals(): void {
  const terminals = STANDARD_STREAMS.filter(fd => isatty(fd));
  process.on('exit', () => {
    for (const fd of terminals.filter(terminal => !isatty(terminal))) {
      closeSync(fd);
      // Takes the lowest free descriptor: the one that was just closed.
      openSync('/dev/null', 'r+');
    }
  });
}
