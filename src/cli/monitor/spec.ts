import { ConfigError } from '../../errors.js';
import { parseSerialSpec, type SerialSpec } from '../serial/spec.js';

/** How `--monitor` is written. */
export const MONITOR_SYNTAX = 'stdio, unix:PATH or none';

/** @throws ConfigError for something else than {@link MONITOR_SYNTAX} */
export function parseMonitorSpec(text: string): SerialSpec {
  const spec = /^(pty|file:)/.test(text) ? undefined : parseSerialSpec(text, '--monitor', MONITOR_SYNTAX);
  if (!spec) throw new ConfigError(`--monitor ${text}: write ${MONITOR_SYNTAX}`, { spec: text });
  return spec;
}
