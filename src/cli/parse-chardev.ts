import { ConfigError } from '../errors.js';
import { splitAtCommas } from './properties.js';
import { parseSerialSpec, type SerialSpec } from './serial/spec.js';
import { parseSwitch } from './switches.js';

/** How `--chardev` is written. */
export const CHARDEV_SYNTAX =
  'stdio|pty|null,id=ID, file,id=ID,path=PATH or socket,id=ID,path=PATH,server=on,wait=off';

/** A back end by QEMU's words, for the device that names its id. */
export interface Chardev {
  readonly id: string;
  readonly spec: SerialSpec;
}

/** Properties of each back end besides `id`. */
const PROPERTIES: Readonly<Record<string, readonly string[]>> = {
  stdio: ['signal'],
  pty: [],
  null: [],
  file: ['path', 'append'],
  socket: ['path', 'server', 'wait'],
};

/**
 * A back end as `--chardev` names it.
 * @throws ConfigError that says which part is not understood, or not to be had
 */
export function parseChardev(text: string): Chardev {
  const [backend, ...parts] = splitAtCommas(text);
  if (!Object.hasOwn(PROPERTIES, backend)) {
    throw new ConfigError(`--chardev: there is no '${backend}': take ${Object.keys(PROPERTIES).join(', ')}`, {
      backend,
    });
  }
  const values = new Map<string, string>();
  for (const part of parts) {
    const [key, value = 'on'] = part.split(/=(.*)/s, 2);
    if (key !== 'id' && !PROPERTIES[backend].includes(key)) {
      throw new ConfigError(`--chardev ${backend} has no property '${key}': write ${CHARDEV_SYNTAX}`, {
        key,
      });
    }
    values.set(key, value);
  }
  const id = values.get('id');
  if (id === undefined || id === '') {
    throw new ConfigError(`--chardev ${backend} needs an id=, by which a device names it`);
  }
  return { id, spec: specOf(backend, values) };
}

function specOf(backend: string, values: ReadonlyMap<string, string>): SerialSpec {
  const flag = `--chardev ${backend}`;
  const isOn = (key: string, otherwise: boolean): boolean => {
    const value = values.get(key);
    return value === undefined ? otherwise : parseSwitch(flag, key, value);
  };
  const where = (kind: 'file' | 'unix'): SerialSpec => {
    const path = values.get('path');
    if (!path) throw new ConfigError(`${flag} needs a path=`);
    return parseSerialSpec(`${kind}:${path}`, flag);
  };
  switch (backend) {
    case 'file':
      if (isOn('append', false))
        throw new ConfigError(`${flag}: a file is written anew: append=on is not to be had`);
      return where('file');
    case 'socket':
      if (!isOn('server', false))
        throw new ConfigError(`${flag}: the socket is one to listen on: write server=on`);
      if (isOn('wait', false))
        throw new ConfigError(`${flag}: the guest does not wait for a client: write wait=off`);
      return where('unix');
    case 'stdio':
      // Ctrl-C is the guest's on a terminal, as with signal=off.
      isOn('signal', false);
      return { kind: 'stdio' };
    case 'pty':
      return { kind: 'pty' };
    default:
      return { kind: 'none' };
  }
}
