import { closeSync, openSync, writeSync } from 'node:fs';
import { ConfigError } from '../../errors.js';
import type { NetBackend } from '../../net/backend.js';
import { PcapWriter } from '../../net/pcap.js';
import { Recorder } from '../../net/recorder.js';
import { systemErrorText } from '../system-error.js';

/**
 * Records the traffic of `backend` in a new file, which is written after each round of the event loop.
 * @throws ConfigError when it cannot be written
 */
export function recordInFile(backend: NetBackend, path: string): NetBackend {
  const open = (): number => {
    try {
      return openSync(path, 'w');
    } catch (cause) {
      throw new ConfigError(`cannot write ${path}: ${systemErrorText(cause)}`, { path }, { cause });
    }
  };
  const fd = open();
  let broken = false;
  const pcap = new PcapWriter(data => {
    try {
      for (let at = 0; at < data.length && !broken;) at += writeSync(fd, data, at);
    } catch (error) {
      // The traffic goes on without its record, of which the rest would make no sense.
      broken = true;
      process.emitWarning(`${path} ends here: ${systemErrorText(error)}`, 'PcapWarning');
    }
  });
  let scheduled = false;
  const flush = (): void => {
    scheduled = false;
    pcap.flush();
  };
  const written = (): void => {
    if (scheduled) return;
    scheduled = true;
    setImmediate(flush);
  };
  const now = (): number => performance.timeOrigin + performance.now();
  return new Recorder(backend, pcap, now, written, () => {
    broken = true;
    closeSync(fd);
  });
}
