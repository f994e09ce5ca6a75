import { HOST_BRIDGES, type HostBridgeName } from '../../devices/pci/bridges.js';
import type { HpetModel } from '../../devices/legacy/hpet.js';
import { ConfigError } from '../../errors.js';

/**
 * Machines by the names that QEMU has for them: a PC, and one without a PCI bus and without the devices of a PC that
 * kernels of today do without, whose virtio devices lie at fixed addresses.
 */
export const MACHINE_TYPES = ['pc', 'microvm'] as const;
export type MachineType = (typeof MACHINE_TYPES)[number];

/** What a machine is, and what of it differs from how its type has it. */
export interface MachineTypeOption {
  readonly type: MachineType;
  /** What is at slot 0 of the PCI bus, by bhyve's names; `hostbridge` by default. */
  readonly hostBridge?: HostBridgeName;
  /** The two 8259; on a PC alone by default. */
  readonly pic?: boolean;
  /** The interval timer; on a PC alone by default. */
  readonly pit?: boolean;
  /** The real-time clock; true by default. */
  readonly rtc?: boolean;
  /**
   * Announce devices at fixed addresses on the kernel's command line (`virtio_mmio.device=…`). By default to all kernels
   * but those that find them by the ACPI tables: bzImages that are entered in 64-bit mode.
   */
  readonly autoKernelCmdline?: boolean;
}

/** What the mainboard has. */
export interface BoardParts {
  readonly pci: boolean;
  readonly hostBridge: HostBridgeName;
  readonly pic: boolean;
  readonly pit: boolean;
  readonly rtc: boolean;
  /** Operating systems are told of the keyboard controller. It is there in any case: some kernels reset by it. */
  readonly keyboard: boolean;
  readonly hpet: HpetModel | undefined;
  /** Places for virtio devices at fixed addresses. */
  readonly mmioSlots: number;
}

/** The parts that a machine's type decides. */
export type TypeParts = Omit<BoardParts, 'mmioSlots' | 'hpet'>;

/**
 * @param pci `false` for a machine without a PCI bus whatever its type
 * @throws ConfigError for an unknown type, or a microvm with a PCI bus
 */
export function partsOf(option: MachineTypeOption, pci: boolean | undefined): TypeParts {
  const { type, rtc = true } = option;
  if (!MACHINE_TYPES.includes(type)) {
    throw new ConfigError(`machine must be one of ${MACHINE_TYPES.join(', ')}, not '${type}'`, { type });
  }
  const isPc = type === 'pc';
  if (pci && !isPc) throw new ConfigError('a microvm has no PCI bus: take machine pc for one');
  const { pic = isPc, pit = isPc, hostBridge = 'hostbridge' } = option;
  if (!Object.hasOwn(HOST_BRIDGES, hostBridge)) {
    throw new ConfigError(
      `a host bridge is one of ${Object.keys(HOST_BRIDGES).join(', ')}, not '${hostBridge}'`,
      { hostBridge },
    );
  }
  return { pci: pci ?? isPc, hostBridge, pic, pit, rtc, keyboard: isPc };
}
