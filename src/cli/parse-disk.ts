import { IMAGE_FORMATS } from '../block/open-image.js';
import type { ThrottleLimits } from '../block/throttle.js';
import { ConfigError, TsvmmError } from '../errors.js';
import { CACHE_MODES, DISCARD_MODES, type DiskOption } from '../vmm/machine/disk-options.js';
import { parseSize } from '../vmm/machine/options.js';
import { RING_FEATURES, type RingFeature } from '../vmm/machine/ring-options.js';
import { VIRTIO_INTERFACES } from '../vmm/machine/virtio-interface.js';
import { splitAtCommas } from './properties.js';

/** How `--disk` is written. */
export const DISK_SYNTAX = 'FILE[,format=raw|qcow2][,readonly][,snapshot][,KEY=VALUE]…';

/** What may follow the file, for people. */
export const DISK_HELP = `\
format=raw|qcow2       what is in the file; never found out by looking. Raw by default
readonly, snapshot     not written; written in memory alone
serial=TEXT            up to 20 characters that the guest can read
cache=NAME             ${CACHE_MODES.join(', ')}
discard=NAME           whether discarded space goes back to the host: ${DISCARD_MODES.join(', ')}
interface=NAME         ${VIRTIO_INTERFACES.join(', ')}
queues=N, queue-size=N
vectors=N              of MSI-X; 0: MSI with one message
logical_block_size=N, physical_block_size=N
throttling.iops-total=N, -read, -write; throttling.bps-total=SIZE, -read, -write
${RING_FEATURES.join('=off, ')}=off`;

type Disk = { -readonly [Key in keyof DiskOption]: DiskOption[Key] };
type Setter = (disk: Disk, value: string, key: string) => void;

/** The keys of `--disk`, all but the throttle's and the queues' features: QEMU's words where it has one. */
const KEYS: Readonly<Record<string, Setter>> = {
  format: (disk, value, key) => (disk.format = oneOf(key, value, IMAGE_FORMATS)),
  readonly: (disk, value, key) => (disk.readOnly = onOrOff(key, value)),
  snapshot: (disk, value, key) => (disk.snapshot = onOrOff(key, value)),
  serial: (disk, value) => (disk.serial = value),
  cache: (disk, value, key) => (disk.cache = oneOf(key, value, CACHE_MODES)),
  discard: (disk, value, key) => (disk.discard = oneOf(key, value, DISCARD_MODES)),
  interface: (disk, value, key) => (disk.interface = oneOf(key, value, VIRTIO_INTERFACES)),
  queues: (disk, value) => (disk.queues = whole(value)),
  'num-queues': (disk, value) => (disk.queues = whole(value)),
  vectors: (disk, value) => (disk.vectors = whole(value)),
  'queue-size': (disk, value) => (disk.queueSize = whole(value)),
  logical_block_size: (disk, value) => (disk.logicalBlockSize = whole(value)),
  physical_block_size: (disk, value) => (disk.physicalBlockSize = whole(value)),
};

/** Limits by QEMU's words: those of `-drive throttling.…`, and its older short ones. */
const LIMITS: Readonly<Record<string, keyof ThrottleLimits>> = {
  'throttling.iops-total': 'iopsTotal',
  'throttling.iops-read': 'iopsRead',
  'throttling.iops-write': 'iopsWrite',
  'throttling.bps-total': 'bpsTotal',
  'throttling.bps-read': 'bpsRead',
  'throttling.bps-write': 'bpsWrite',
  iops: 'iopsTotal',
  iops_rd: 'iopsRead',
  iops_wr: 'iopsWrite',
  bps: 'bpsTotal',
  bps_rd: 'bpsRead',
  bps_wr: 'bpsWrite',
};

/**
 * A disk as `--disk` names it: a file, and what follows it as `key=value`. A comma in the file's name is written
 * twice; of what is on or off, the name alone turns it on: all as QEMU has it.
 * @throws ConfigError that says which part is not understood
 */
export function parseDisk(text: string): DiskOption {
  const [file, ...parts] = splitAtCommas(text);
  const disk: Disk = { file: file.replace(/^file=/, '') };
  for (const part of parts) {
    const [key, value = 'on'] = part.split(/=(.*)/s, 2);
    if (Object.hasOwn(KEYS, key)) KEYS[key](disk, value, key);
    else if (Object.hasOwn(LIMITS, key))
      disk.throttling = { ...disk.throttling, [LIMITS[key]]: rate(key, value) };
    else if (isRingFeature(key)) disk.ring = { ...disk.ring, [key]: onOrOff(key, value) };
    else throw new ConfigError(`--disk: '${part}' is not understood: write ${DISK_SYNTAX}`, { part });
  }
  return disk;
}

function isRingFeature(key: string): key is RingFeature {
  return RING_FEATURES.some(name => name === key);
}

function onOrOff(key: string, value: string): boolean {
  return oneOf(key, value, ['on', 'off']) === 'on';
}

function oneOf<Name extends string>(key: string, value: string, names: readonly Name[]): Name {
  const found = names.find(name => name === value);
  if (found !== undefined) return found;
  throw new ConfigError(`--disk: ${key} is one of ${names.join(', ')}, not '${value}'`, { [key]: value });
}

/** What is no whole number the machine's own check refuses. */
function whole(value: string): number {
  return /^\d+$/.test(value) ? Number(value) : NaN;
}

/** Requests or bytes a second; K, M and G are powers of 1024. */
function rate(key: string, value: string): number {
  try {
    return parseSize(value);
  } catch (error) {
    if (!(error instanceof TsvmmError)) throw error;
    throw new ConfigError(`--disk: ${key} is a number, maybe with K, M or G, not '${value}'`, {
      [key]: value,
    });
  }
}
