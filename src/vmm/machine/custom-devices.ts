import { ConfigError } from '../../errors.js';
import type { GuestMemory } from '../memory/guest-memory.js';
import type { CustomDevice, DeviceOption } from './options.js';
import type { ModuleDeviceSetup, RemoteAccess, RemoteDeviceSetup, ToWorker } from './protocol.js';
import type { RemoteReply } from './remote-device.js';

type RangeOption = Exclude<DeviceOption, { module: unknown }>;

/** The caller's own devices: those on the control thread, and the modules that the machine worker is to load. */
export class CustomDevices {
  readonly remote: readonly RemoteDeviceSetup[];
  readonly modules: readonly ModuleDeviceSetup[];
  private readonly options: readonly RangeOption[];

  constructor(
    options: readonly DeviceOption[],
    private readonly memory: GuestMemory,
    private readonly reply: RemoteReply,
    private readonly post: (message: ToWorker) => void,
  ) {
    this.options = options.filter((option): option is RangeOption => !('module' in option));
    this.remote = this.options.map(describeRange);
    this.modules = options
      .filter(option => 'module' in option)
      .map(({ module, options }) => ({ module: String(module), options }));
  }

  /** Gives each device its context. */
  attach(): void {
    this.options.forEach(({ device, irq }, index) => {
      device.attach?.({
        memory: this.memory,
        irq: {
          set: level => {
            if (irq === undefined) throw new ConfigError('the device was added without an irq');
            this.post({ type: 'irq', gsi: irq, device: index, level });
          },
        },
      });
    });
  }

  /** Answers one access of the guest. Rejects with what the device threw; the guest reads all ones then. */
  async serve({ device, direction, offset, size, value }: RemoteAccess): Promise<void> {
    let answer = 0xffff_ffff;
    try {
      const target: CustomDevice = this.options[device].device;
      if (direction === 'write') await target.write?.(offset, size, value);
      else if (target.read) answer = await target.read(offset, size);
    } finally {
      this.reply.answer(answer);
    }
  }

  /** The run is to end: the guest waits for no device any longer, and reads all ones from each. */
  release(): void {
    this.reply.release();
  }
}

function describeRange(option: RangeOption, index: number): RemoteDeviceSetup {
  const { name = `device${index}`, size, irq } = option;
  const place =
    'port' in option
      ? ({ space: 'port', base: option.port } as const)
      : ({ space: 'mmio', base: option.address } as const);
  return { name, size, ...place, ...(irq !== undefined && { irq }) };
}
