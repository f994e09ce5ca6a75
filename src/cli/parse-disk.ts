import { ConfigError } from '../errors.js';
import type { DiskOption } from '../vmm/machine/disk-options.js';
import { VIRTIO_INTERFACES } from '../vmm/machine/virtio-interface.js';
import { splitAtCommas } from './properties.js';

/** How `--disk` is written. */
export const DISK_SYNTAX = 'FILE[,readonly][,snapshot][,serial=TEXT][,queues=N][,interface=NAME]';

type Flag = 'readOnly' | 'snapshot';

const FLAGS: Readonly<Record<string, Flag>> = { readonly: 'readOnly', snapshot: 'snapshot' };

/**
 * A disk as `--disk` names it: a file, and what follows it as `key=value`. A comma in the file's name is written
 * twice; of what is on or off, the name alone turns it on: all as QEMU has it.
 * @throws ConfigError that says which part is not understood
 */
export function parseDisk(text: string): DiskOption {
  const [file, ...parts] = splitAtCommas(text);
  const disk: { -readonly [Key in keyof DiskOption]: DiskOption[Key] } = { file: file.replace(/^file=/, '') };
  for (const part of parts) {
    const [key, value = 'on'] = part.split(/=(.*)/s, 2);
    const flag = Object.hasOwn(FLAGS, key) ? FLAGS[key] : undefined;
    if (flag !== undefined) disk[flag] = parseFlag(key, value);
    else if (key === 'serial') disk.serial = value;
    else if (key === 'queues') disk.queues = /^\d+$/.test(value) ? Number(value) : NaN;
    else if (key === 'interface') disk.interface = parseInterface(value);
    else throw new ConfigError(`--disk: '${part}' is not understood: write ${DISK_SYNTAX}`, { part });
  }
  return disk;
}

function parseFlag(key: string, value: string): boolean {
  if (value !== 'on' && value !== 'off') throw new ConfigError(`--disk: ${key} is on or off, not '${value}'`);
  return value === 'on';
}

function parseInterface(value: string): NonNullable<DiskOption['interface']> {
  const found = VIRTIO_INTERFACES.find(name => name === value);
  if (!found) {
    throw new ConfigError(`--disk: interface is one of ${VIRTIO_INTERFACES.join(', ')}, not '${value}'`);
  }
  return found;
}
