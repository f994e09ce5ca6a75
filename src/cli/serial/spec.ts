import { resolve } from 'node:path';
import { ConfigError } from '../../errors.js';

/** Where a serial port or a console goes, as `--serial` says it. */
export type SerialSpec =
  { readonly kind: 'stdio' | 'pty' | 'none' } | { readonly kind: 'file' | 'unix'; readonly path: string };

/** How `--serial` is written. */
export const SERIAL_SYNTAX = 'stdio, file:PATH, pty, unix:PATH or none';

/** A PC has COM1 to COM4. */
const MAX_PORTS = 4;

/** Bytes in sockaddr_un's path, without the final NUL (unix(7)). */
const MAX_SOCKET_PATH = 107;

/**
 * The back ends of COM1, COM2, … .
 * @throws ConfigError for something else than {@link SERIAL_SYNTAX}, or when two ports cannot have what they ask for
 */
export function parseSerialSpecs(texts: readonly string[]): SerialSpec[] {
  if (texts.length > MAX_PORTS) {
    throw new ConfigError(
      `--serial is given ${texts.length} times: a PC has at most ${MAX_PORTS} serial ports`,
    );
  }
  const specs = texts.map(text => parseSerialSpec(text));
  checkDistinct(specs.map(spec => ({ flag: '--serial', spec })));
  return specs;
}

/**
 * Checks that no two ports ask for the same terminal or file.
 * @throws ConfigError that names the flags that do
 */
export function checkDistinct(ports: readonly { readonly flag: string; readonly spec: SerialSpec }[]): void {
  const taken = new Map<string, string>();
  for (const { flag, spec } of ports) {
    const place = 'path' in spec ? resolve(spec.path) : spec.kind;
    const first = spec.kind === 'none' || spec.kind === 'pty' ? undefined : taken.get(place);
    if (first !== undefined) throw new ConfigError(sharedPlace(first, flag, place));
    taken.set(place, flag);
  }
}

function sharedPlace(first: string, second: string, place: string): string {
  const who =
    first === second ? `${second} names ${place} twice` : `${first} and ${second} both name ${place}`;
  return place === 'stdio'
    ? `${who}: only one serial port can have the terminal`
    : `${who}: each serial port needs a file of its own`;
}

/**
 * Checks that no serial port writes over a file that the guest gets.
 * @throws ConfigError when one does
 */
export function checkNotOverwritten(specs: readonly SerialSpec[], inputs: readonly string[]): void {
  const read = new Set(inputs.map(path => resolve(path)));
  for (const spec of specs) {
    if ('path' in spec && read.has(resolve(spec.path))) {
      throw new ConfigError(`--serial ${spec.kind}:${spec.path} would overwrite a file that the guest gets`, {
        path: spec.path,
      });
    }
  }
}

/**
 * One place for a port to go.
 * @param flag the option that names it, and `syntax` how that is written, for the message
 * @throws ConfigError for something else than {@link SERIAL_SYNTAX}
 */
export function parseSerialSpec(text: string, flag = '--serial', syntax = SERIAL_SYNTAX): SerialSpec {
  const colon = text.indexOf(':');
  const [kind, path] = colon < 0 ? [text, undefined] : [text.slice(0, colon), text.slice(colon + 1)];
  switch (kind) {
    case 'stdio':
    case 'pty':
    case 'none':
      if (path === undefined) return { kind };
      break;
    case 'file':
      if (path) return { kind, path };
      break;
    case 'unix':
      if (path) return { kind, path: checkSocketPath(path, flag) };
      break;
  }
  throw new ConfigError(`${flag} ${text}: write ${syntax}`, { spec: text });
}

function checkSocketPath(path: string, flag: string): string {
  const length = Buffer.byteLength(path);
  if (length > MAX_SOCKET_PATH) {
    throw new ConfigError(
      `${flag} unix: a socket's path has at most ${MAX_SOCKET_PATH} bytes, this one has ${length}; use a shorter or a relative one`,
      { path },
    );
  }
  return path;
}
