import { ConfigError } from '../../errors.js';
import { MAX_CONSOLES, type ConsoleOption } from '../../vmm/machine/console-options.js';
import type { VirtioInterface } from '../../vmm/machine/virtio-interface.js';
import { parseChardev } from '../parse-chardev.js';
import { parseConsole, type ConsoleFlag } from '../parse-console.js';
import type { SerialSpec } from '../serial/spec.js';
import { interfaceOf, type DeviceFlag } from './parse-device.js';

/** What the flags of a machine say of consoles, each as it was written. */
export interface ConsoleFlags {
  readonly console?: readonly string[];
  readonly chardev?: readonly string[];
  readonly serial?: readonly string[];
  readonly device?: readonly DeviceFlag[];
}

/** The guest's consoles and serial ports, with where they go. */
export interface ConsolePlan {
  readonly ports: readonly ConsoleFlag[];
  /** The device that has the ports, when a `--device` asks for it, and how the guest reaches it. */
  readonly device: boolean | VirtioInterface;
  /** `--serial` without the ids of back ends. */
  readonly serial: readonly string[] | undefined;
}

/**
 * The ports of the machine's console device: those of `--console`, each as a `--device` that names its id changes it,
 * then those of a `--chardev`.
 * @throws ConfigError for a device that names nothing, or what another one has
 */
export function planConsoles(flags: ConsoleFlags): ConsolePlan {
  const consoles = (flags.console ?? []).map(parseConsole);
  const chardevs = (flags.chardev ?? []).map(parseChardev);
  checkIds([...consoles, ...chardevs]);
  const taken = new Set<string>();
  const take = (id: string, by: string): void => {
    if (taken.has(id)) throw new ConfigError(`${by}: chardev=${id} has a device already`, { id });
    taken.add(id);
  };
  const controller = findController(flags.device ?? []);
  for (const device of flags.device ?? []) {
    if (device.kind.role !== 'port') continue;
    const by = `--device ${device.kind.name}`;
    checkBus(device, controller);
    const id = device.properties.get('chardev');
    if (id === undefined) throw new ConfigError(`${by} needs chardev=, the id= of a --chardev or --console`);
    take(id, by);
    const at = consoles.findIndex(port => port.id === id);
    const chardev = chardevs.find(each => each.id === id);
    if (at >= 0) consoles[at] = { ...consoles[at], option: portOf(device, consoles[at].option.name) };
    else if (chardev) consoles.push({ flag: '--chardev', option: portOf(device), spec: chardev.spec });
    else throw new ConfigError(`${by}: there is no --chardev or --console with id=${id}`, { id });
  }
  checkRoom(controller, consoles.length);
  const serial = flags.serial?.map(text => {
    if (!text.startsWith('chardev:')) return text;
    const id = text.slice('chardev:'.length);
    const chardev = chardevs.find(each => each.id === id);
    if (!chardev) throw new ConfigError(`--serial ${text}: there is no --chardev with id=${id}`, { id });
    take(id, '--serial');
    return textOf(chardev.spec);
  });
  const idle = chardevs.find(({ id }) => !taken.has(id));
  if (idle) throw new ConfigError(`--chardev: nothing names id=${idle.id}`, { id: idle.id });
  return { ports: consoles, device: controller ? (interfaceOf(controller) ?? true) : false, serial };
}

/** What the ports are plugged into. A machine has one such device. */
function findController(devices: readonly DeviceFlag[]): DeviceFlag | undefined {
  const [first, second] = devices.filter(({ kind }) => kind.role === 'console');
  if (second) throw new ConfigError(`--device ${second.kind.name}: the machine has a console device already`);
  return first;
}

/** @throws ConfigError for a port that names another bus than that of the only device */
function checkBus({ kind, properties }: DeviceFlag, controller: DeviceFlag | undefined): void {
  const wanted = properties.get('bus');
  const id = controller?.properties.get('id');
  if (wanted === undefined || (id !== undefined && wanted === `${id}.0`)) return;
  const there = id === undefined ? 'a virtio-serial device with an id= has one' : `there is ${id}.0`;
  throw new ConfigError(`--device ${kind.name}: there is no bus '${wanted}': ${there}`, { bus: wanted });
}

/** @throws ConfigError for more ports than the device is to have */
function checkRoom(controller: DeviceFlag | undefined, ports: number): void {
  const text = controller?.properties.get('max_ports');
  if (controller === undefined || text === undefined) return;
  const by = `--device ${controller.kind.name}`;
  const most = /^\d+$/.test(text) ? Number(text) : NaN;
  if (!(most >= 1 && most <= MAX_CONSOLES)) {
    throw new ConfigError(`${by}: max_ports is 1 to ${MAX_CONSOLES}, not '${text}'`, { max_ports: text });
  }
  if (ports > most) {
    throw new ConfigError(`${by}: there are ${ports} ports, and max_ports is ${most}`, { ports });
  }
}

/** @param name what `--console` called it */
function portOf({ kind, properties }: DeviceFlag, name?: string): ConsoleOption {
  const own = properties.get('name') ?? name;
  return {
    kind: kind.name === 'virtserialport' ? 'port' : 'console',
    ...(own !== undefined && { name: own }),
  };
}

function checkIds(ends: readonly { readonly id?: string }[]): void {
  const ids = ends.flatMap(({ id }) => (id === undefined ? [] : [id]));
  const twice = ids.find((id, i) => ids.indexOf(id) !== i);
  if (twice !== undefined)
    throw new ConfigError(`two --chardev or --console have id=${twice}`, { id: twice });
}

/** As `--serial` has it. */
function textOf(spec: SerialSpec): string {
  return 'path' in spec ? `${spec.kind}:${spec.path}` : spec.kind;
}
