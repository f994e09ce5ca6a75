import { ConfigError } from '../../errors.js';
import type { PortKind } from '../../devices/virtio/console/port.js';

/** A port of the guest's virtio console device. */
export interface ConsoleOption {
  /**
   * `console`, the default: a terminal, /dev/hvc0 and up in Linux. `port`: a stream of bytes that a program in the guest
   * opens by its name, /dev/virtio-ports/NAME in Linux. QEMU calls them virtconsole and virtserialport.
   */
  readonly kind?: PortKind;
  /** How the guest finds it, in up to 255 bytes of UTF-8. */
  readonly name?: string;
}

/** The same with every default filled in. */
export type CheckedConsole = Required<ConsoleOption>;

/** Each port has two queues, and the machine a queue's memory: more than anybody has asked for. */
export const MAX_CONSOLES = 31;
const MAX_NAME = 255;
const KINDS: readonly PortKind[] = ['console', 'port'];

/** @throws ConfigError that says what makes no sense */
export function checkConsoles(consoles: readonly ConsoleOption[]): readonly CheckedConsole[] {
  if (consoles.length > MAX_CONSOLES) {
    throw new ConfigError(
      `there are ${consoles.length} consoles: a console device has at most ${MAX_CONSOLES} ports`,
    );
  }
  const checked = consoles.map(checkConsole);
  const names = checked.map(({ name }) => name).filter(name => name !== '');
  const twice = names.find((name, i) => names.indexOf(name) !== i);
  if (twice !== undefined) {
    throw new ConfigError(`two consoles are called '${twice}': the guest would find one of them`, {
      name: twice,
    });
  }
  return checked;
}

function checkConsole({ kind = 'console', name = '' }: ConsoleOption): CheckedConsole {
  if (!KINDS.includes(kind)) {
    throw new ConfigError(`a console's kind is one of ${KINDS.join(', ')}, not '${kind}'`, { kind });
  }
  if (new TextEncoder().encode(name).length > MAX_NAME || /[\0-\x1f/]/.test(name)) {
    throw new ConfigError(
      `a console's name has up to ${MAX_NAME} bytes, without slashes and control characters`,
      {
        name,
      },
    );
  }
  return { kind, name };
}
