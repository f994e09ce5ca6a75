import { MMIO_SLOTS } from '../../devices/virtio/transport/mmio-slots.js';
import { ConfigError } from '../../errors.js';

/**
 * How the guest reaches a virtio device: over PCI by the interface of version 1, the legacy one, or either; or at a
 * fixed address by the register layout of version 1, or that from before.
 */
export const VIRTIO_INTERFACES = ['transitional', 'modern', 'legacy', 'mmio', 'mmio-legacy'] as const;
export type VirtioInterface = (typeof VIRTIO_INTERFACES)[number];

/**
 * The interface of a device that a machine is to have.
 * @param what the device, for messages: `a disk`
 * @param wanted by default the first that the machine's bus has
 * @throws ConfigError for one that does not exist, or that needs the PCI bus that the machine has not
 */
export function checkInterface(
  what: string,
  wanted: VirtioInterface | undefined,
  { pci }: { readonly pci: boolean },
): VirtioInterface {
  const kind = wanted ?? (pci ? 'transitional' : 'mmio');
  if (!VIRTIO_INTERFACES.includes(kind)) {
    throw new ConfigError(`${what}'s interface is one of ${VIRTIO_INTERFACES.join(', ')}, not '${kind}'`, {
      interface: kind,
    });
  }
  if (!pci && !isMmio(kind)) {
    throw new ConfigError(
      `${what}'s interface is '${kind}', which needs a PCI bus: write mmio or mmio-legacy, or take --machine pc`,
      { interface: kind },
    );
  }
  return kind;
}

export function isMmio(kind: VirtioInterface): kind is 'mmio' | 'mmio-legacy' {
  return kind === 'mmio' || kind === 'mmio-legacy';
}

/** Entries that a table of MSI-X may have (PCI Local Bus 3.0, 6.8.2.3). */
const MAX_VECTORS = 2048;

/**
 * The MSI-X vectors that a device is to have; undefined for its own choice.
 * @param what the device, for messages: `a disk`
 * @throws ConfigError for a number that there cannot be, or a device that is not on the PCI bus
 */
export function checkVectors(
  what: string,
  wanted: number | undefined,
  kind: VirtioInterface,
): number | undefined {
  if (wanted === undefined) return undefined;
  if (!Number.isInteger(wanted) || wanted < 0 || wanted > MAX_VECTORS) {
    throw new ConfigError(`${what} has 0 to ${MAX_VECTORS} vectors, not ${wanted}`, { vectors: wanted });
  }
  if (isMmio(kind)) {
    throw new ConfigError(`${what} has vectors on the PCI bus alone, not with interface '${kind}'`, {
      vectors: wanted,
    });
  }
  return wanted;
}

/** @throws ConfigError when there are more devices at fixed addresses than the machine has places for */
export function countMmio(interfaces: readonly VirtioInterface[]): number {
  const count = interfaces.filter(isMmio).length;
  if (count <= MMIO_SLOTS) return count;
  throw new ConfigError(`a machine has up to ${MMIO_SLOTS} virtio-mmio devices, not ${count}`, { count });
}
