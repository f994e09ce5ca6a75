import { CommanderError } from 'commander';
import { ConfigError } from '../../errors.js';
import type { VirtioInterface } from '../../vmm/machine/virtio-interface.js';
import { joinWithCommas, splitAtCommas } from '../properties.js';
import { DEVICE_KINDS, listDevices, listProperties, type DeviceKind } from './catalogue.js';

/** How `--device` is written. */
export const DEVICE_SYNTAX = 'NAME[,PROPERTY=VALUE]…';

/** A device as `--device` names it. */
export interface DeviceFlag {
  readonly kind: DeviceKind;
  readonly properties: ReadonlyMap<string, string>;
}

/** `--device help` and `--device NAME,help`: the text is what was asked for. */
export class DeviceHelp extends CommanderError {
  constructor(readonly text: string) {
    super(0, 'commander.help', '(device help)');
  }
}

/**
 * A device as `--device` names it, by QEMU's names.
 * @throws ConfigError that says which part is not understood; DeviceHelp for who asks
 */
export function parseDevice(text: string): DeviceFlag {
  const [name, ...parts] = splitAtCommas(text);
  if (isHelp(name)) throw new DeviceHelp(listDevices());
  const kind = DEVICE_KINDS.find(known => known.name === name);
  if (!kind) {
    throw new ConfigError(`--device: there is no '${name}': --device help lists what there is`, { name });
  }
  if (parts.some(isHelp)) throw new DeviceHelp(listProperties(kind));
  const properties = new Map<string, string>();
  for (const part of parts) {
    const [property, value = 'on'] = part.split(/=(.*)/s, 2);
    if (!Object.hasOwn(kind.properties, property)) {
      throw new ConfigError(
        `--device ${name} has no property '${property}': --device ${name},help lists them`,
        {
          property,
        },
      );
    }
    properties.set(property, value);
  }
  if (kind.role === 'fixed') checkFixed(kind, properties);
  return { kind, properties };
}

/** What the flags of a machine say of devices, each as it was written. */
export interface DeviceFlags {
  readonly device?: readonly DeviceFlag[];
  readonly disk?: readonly string[];
  readonly net?: readonly string[];
  readonly rng?: boolean | VirtioInterface;
}

/**
 * The flags with each `--device` made part of the `--disk` or `--net` that it names by its id, as if it had been
 * written there. Consoles are `planConsoles`'s.
 * @throws ConfigError for a device that names nothing, or what another one has
 */
export function applyDevices<Flags extends DeviceFlags>(flags: Flags): Flags {
  const disks = withIds('--disk', flags.disk ?? []);
  const nets = withIds('--net', flags.net ?? []);
  let rng = flags.rng;
  for (const device of flags.device ?? []) {
    const { kind } = device;
    if (kind.role === 'disk') addTo(disks, device, 'drive', '--disk', DISK_WORDS);
    else if (kind.role === 'net') addTo(nets, device, 'netdev', '--net', NET_WORDS);
    else if (kind.role === 'rng') {
      if (rng) throw new ConfigError(`--device ${kind.name}: the machine has a source of entropy already`);
      rng = interfaceOf(device) ?? true;
    }
  }
  return {
    ...flags,
    ...(rng !== undefined && { rng }),
    ...(flags.disk && { disk: disks.map(({ parts }) => joinWithCommas(parts)) }),
    ...(flags.net && { net: nets.map(({ parts }) => joinWithCommas(parts)) }),
  };
}

/** Properties that `--disk` and `--net` call otherwise. */
const DISK_WORDS: Readonly<Record<string, (value: string) => string>> = {
  'write-cache': value => `cache=${onOrOff('write-cache', value) ? 'writeback' : 'writethrough'}`,
};
const NET_WORDS: Readonly<Record<string, (value: string) => string>> = { host_mtu: value => `mtu=${value}` };

/** A `--disk` or `--net` in its parts, without its id. */
interface Named {
  readonly id: string | undefined;
  readonly parts: string[];
  taken: boolean;
}

function withIds(option: string, texts: readonly string[]): Named[] {
  const all = texts.map((text): Named => {
    const [first, ...rest] = splitAtCommas(text);
    const id = rest.find(part => part.startsWith('id='))?.slice('id='.length);
    return { id, parts: [first, ...rest.filter(part => !part.startsWith('id='))], taken: false };
  });
  const ids = all.flatMap(({ id }) => (id === undefined ? [] : [id]));
  const twice = ids.find((id, i) => ids.indexOf(id) !== i);
  if (twice !== undefined) throw new ConfigError(`two ${option} have id=${twice}`, { id: twice });
  return all;
}

function addTo(
  all: readonly Named[],
  device: DeviceFlag,
  by: string,
  option: string,
  words: Readonly<Record<string, (value: string) => string>>,
): void {
  const { kind, properties } = device;
  const id = properties.get(by);
  if (id === undefined) {
    throw new ConfigError(`--device ${kind.name} needs ${by}=, the id= of a ${option}`);
  }
  const named = all.find(each => each.id === id);
  if (!named) throw new ConfigError(`--device ${kind.name}: there is no ${option} with id=${id}`, { id });
  if (named.taken) throw new ConfigError(`--device ${kind.name}: ${by}=${id} has a device already`, { id });
  named.taken = true;
  for (const [property, value] of properties) {
    if (property === by || property.startsWith('disable-')) continue;
    named.parts.push(words[property]?.(value) ?? `${property}=${value}`);
  }
  const kindOfInterface = interfaceOf(device);
  if (kindOfInterface !== undefined) named.parts.push(`interface=${kindOfInterface}`);
}

/** The interface that the device is to have; undefined for the machine's own choice. */
export function interfaceOf({ kind, properties }: DeviceFlag): VirtioInterface | undefined {
  const without = (property: string): boolean => {
    const value = properties.get(property);
    return value !== undefined && onOrOff(property, value);
  };
  const [noLegacy, noModern] = [without('disable-legacy'), without('disable-modern')];
  if (noLegacy && noModern) {
    throw new ConfigError(`--device ${kind.name}: disable-legacy and disable-modern leave it no interface`);
  }
  if (noLegacy) return 'modern';
  return noModern ? 'legacy' : kind.interface;
}

/** @throws ConfigError for an address at which it is not */
function checkFixed({ name, properties }: DeviceKind, wanted: ReadonlyMap<string, string>): void {
  for (const [property, value] of wanted) {
    if (Number(value) !== Number(properties[property])) {
      throw new ConfigError(`--device ${name}: ${property} is ${properties[property]}, not '${value}'`, {
        [property]: value,
      });
    }
  }
}

function onOrOff(property: string, value: string): boolean {
  if (value === 'on' || value === 'off') return value === 'on';
  throw new ConfigError(`--device: ${property} is on or off, not '${value}'`, { [property]: value });
}

function isHelp(word: string): boolean {
  return word === 'help' || word === '?';
}
