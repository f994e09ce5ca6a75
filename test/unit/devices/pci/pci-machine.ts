import { PciConfigPorts, PciEcam } from '../../../../src/devices/pci/config-access.js';
import type { PciHost } from '../../../../src/devices/pci/function.js';
import { PciRoot } from '../../../../src/devices/pci/root.js';
import { Bus } from '../../../../src/vmm/bus/bus.js';
import type { AccessSize, Device, IrqLine } from '../../../../src/vmm/device.js';

/** The least of a machine that PCI functions need, driven through its ports and addresses as a guest would. */
export class PciMachine implements PciHost {
  readonly ports = new Bus('port', 0x1_0000);
  readonly mmio = new Bus('mmio', 2 ** 52);
  readonly root = new PciRoot();
  /** Messages sent, as [address, data]. */
  readonly messages: [number, number][] = [];
  /** Levels of the lines, by GSI. */
  readonly lines = new Map<number, boolean>();

  constructor(private readonly ram = 2 << 20) {
    this.add(new PciConfigPorts(this.root));
    this.add(new PciEcam(this.root));
  }

  isFree(base: number, size: number): boolean {
    return base >= this.ram && base + size <= 2 ** 52;
  }

  sendMsi(address: number, data: number): void {
    this.messages.push([address, data]);
  }

  intx(slot: number, pin: number): { line: IrqLine; gsi: number } {
    const gsi = 16 + ((slot + pin - 1) % 4);
    return { gsi, line: { set: level => void this.lines.set(gsi, level) } };
  }

  /** Reads configuration space by configuration mechanism #1. */
  readConfig(slot: number, offset: number, size: AccessSize = 4, number = 0): number {
    this.ports.write(0xcf8, 4, 0x8000_0000 + (slot << 11) + (number << 8) + (offset & 0xfc));
    return this.ports.read(0xcfc + (offset & 3), size);
  }

  writeConfig(slot: number, offset: number, value: number, size: AccessSize = 4): void {
    this.ports.write(0xcf8, 4, 0x8000_0000 + (slot << 11) + (offset & 0xfc));
    this.ports.write(0xcfc + (offset & 3), size, value);
  }

  /** Offsets of the capabilities with this id, in the order of the list. */
  capabilities(slot: number, id: number): number[] {
    const found: number[] = [];
    for (let at = this.readConfig(slot, 0x34, 1); at !== 0; at = this.readConfig(slot, at + 1, 1)) {
      if (this.readConfig(slot, at, 1) === id) found.push(at);
    }
    return found;
  }

  private add(device: Device): void {
    for (const range of device.ranges) {
      (range.space === 'port' ? this.ports : this.mmio).claim(device.name, range);
    }
  }
}
