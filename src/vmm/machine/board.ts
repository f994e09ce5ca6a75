import { AcpiPm, SCI_IRQ } from '../../devices/legacy/acpi-pm.js';
import { DebugConsole } from '../../devices/legacy/debug-console.js';
import { DebugExit } from '../../devices/legacy/debug-exit.js';
import { Hpet, type HpetModel } from '../../devices/legacy/hpet.js';
import { I8042 } from '../../devices/legacy/i8042.js';
import { Ioapic, IOAPIC_PINS } from '../../devices/legacy/ioapic.js';
import { Pic } from '../../devices/legacy/pic.js';
import { Pit } from '../../devices/legacy/pit.js';
import { PostCode } from '../../devices/legacy/post-code.js';
import { HOST_BRIDGES, ISA_BRIDGE, type HostBridgeName } from '../../devices/pci/bridges.js';
import { PciConfigPorts, PciEcam } from '../../devices/pci/config-access.js';
import { PciFunction, type PciHost } from '../../devices/pci/function.js';
import { assignResources } from '../../devices/pci/resources.js';
import { PciRoot } from '../../devices/pci/root.js';
import { INTX_GSIS, intxGsi } from '../../devices/pci/wiring.js';
import { PvPanic } from '../../devices/legacy/pvpanic.js';
import { ResetControl } from '../../devices/legacy/reset-control.js';
import { Rtc } from '../../devices/legacy/rtc.js';
import { COM_PORTS } from '../../devices/legacy/com-ports.js';
import { Uart16550 } from '../../devices/legacy/uart16550.js';
import type { DriverWatch } from '../../conformance/driver/driver-watch.js';
import type { Vm } from '../accelerator.js';
import { BusConflictError, hex } from '../../errors.js';
import { mmioSlots, type MmioSlot } from '../../devices/virtio/transport/mmio-slots.js';
import { Bus } from '../bus/bus.js';
import { Dispatcher } from '../bus/dispatch.js';
import type { Clock } from '../clock.js';
import type { BusRange, ByteSink, Device, IrqLine, Power } from '../device.js';
import { GatedLine } from '../gated-line.js';
import { InterruptRouter, type IrqRoute } from '../interrupts.js';
import {
  HIGH_RAM_START,
  MMIO_HOLE_START,
  type GuestMemory,
  type RamSegment,
} from '../memory/guest-memory.js';
import type { BoardParts } from './machine-parts.js';

const PORT_LIMIT = 0x1_0000;
/** MMIO addresses are doubles: exact up to here, and beyond what any x86 processor addresses. */
const MMIO_LIMIT = 2 ** 52;
const ISA_INTERRUPTS = 16;
/** IRQ 0 is wired to IOAPIC pin 2, since pin 0 carries the PIC (MP specification 1.4, 3.6.2.1, variant with override). */
const TIMER_PIN = 2;

/** What a device may use of its machine. */
export interface DeviceContext {
  readonly memory: GuestMemory;
  readonly clock: Clock;
  /** A line of the caller's own into global system interrupt `gsi`, 0 to 23. */
  irq(gsi: number): IrqLine;
  readonly power: Power;
}

export interface BoardOptions {
  readonly memory: GuestMemory;
  readonly clock: Clock;
  readonly power: Power;
  /** Where the output of COM1, COM2, … goes. A PC has as many ports as there are sinks, at most four. */
  readonly serial: readonly ByteSink[];
  readonly debugConsole: ByteSink;
  readonly parts: BoardParts;
}

/** The local APICs, as interrupt controllers reach them. */
export type InterruptTarget = Pick<Vm, 'signalMsi' | 'setIntr' | 'setIoapicRoutes'>;

/** The mainboard of a PC or of a microvm: its buses, its interrupt wiring and its devices. */
export class Board implements DeviceContext, PciHost {
  readonly memory: GuestMemory;
  readonly clock: Clock;
  readonly power: Power;
  readonly ports = new Bus('port', PORT_LIMIT);
  readonly mmio = new Bus('mmio', MMIO_LIMIT);
  readonly dispatcher: Dispatcher;
  readonly uarts: readonly Uart16550[];
  /** Bus 0, where there is one. */
  readonly pci: PciRoot | undefined;
  private readonly devices = new Map<string, Device>();
  readonly router: InterruptRouter;
  /** Message-signalled interrupts that functions have sent. */
  messages = 0;
  /** Who watches the drivers of virtio devices, in conformance runs. */
  watch: DriverWatch | undefined;
  private readonly freeMmioSlots: MmioSlot[];
  private vm: InterruptTarget | undefined;

  constructor(options: BoardOptions) {
    const { memory, clock, power, serial, debugConsole, parts } = options;
    this.memory = memory;
    this.clock = clock;
    this.power = power;

    this.freeMmioSlots = [...mmioSlots(parts.mmioSlots, parts.pci)];

    const pic = new Pic({
      onIntr: level => this.vm?.setIntr(level),
      levelTriggered: parts.pci ? INTX_GSIS : [],
    });
    const ioapic = new Ioapic({
      send: (address, data) => this.vm?.signalMsi(address, data),
      onRoutes: routes => this.vm?.setIoapicRoutes(routes),
    });
    this.router = new InterruptRouter(isaWiring(parts.pic ? pic : undefined, ioapic));
    this.dispatcher = new Dispatcher(this.ports, this.mmio, {
      eoi: vector => ioapic.eoi(vector),
      acknowledge: () => pic.acknowledge(),
    });
    this.uarts = serial.map((output, i) => {
      const { name, base, isaIrq } = COM_PORTS[i];
      return new Uart16550({ name, base, irq: this.irq(isaIrq), clock, output });
    });

    if (parts.pic) this.add(pic);
    this.add(ioapic);
    const timerIrq = new GatedLine(this.irq(0));
    const rtcIrq = new GatedLine(this.irq(8));
    if (parts.pit) this.add(new Pit({ clock, irq: timerIrq }));
    if (parts.rtc) this.add(new Rtc({ clock, irq: rtcIrq, ...ramSizes(memory) }));
    if (parts.hpet) this.add(this.makeHpet(parts.hpet, [timerIrq, rtcIrq]));
    for (const uart of this.uarts) this.add(uart);
    this.add(new I8042({ keyboardIrq: this.irq(1), auxIrq: this.irq(12), power }));
    this.add(new ResetControl(power));
    this.add(new AcpiPm({ clock, sci: this.irq(SCI_IRQ), power }));
    this.add(new DebugExit(power));
    this.add(new PvPanic(power));
    this.add(new DebugConsole(debugConsole));
    this.add(new PostCode());
    if (parts.pci) this.pci = this.addPciBus(parts.hostBridge);
  }

  /** Gives the interrupt controllers their way to the local APICs. */
  connect(vm: InterruptTarget): void {
    this.vm = vm;
  }

  /**
   * Adds a device and claims its ranges.
   * @throws BusConflictError when its name or a range is taken, or a range is RAM
   */
  add(device: Device): void {
    if (this.devices.has(device.name)) {
      throw new BusConflictError(`there are two devices called ${device.name}`, { name: device.name });
    }
    for (const range of device.ranges) {
      if (range.space === 'mmio') this.refuseRam(device.name, range);
      this[range.space === 'port' ? 'ports' : 'mmio'].claim(device.name, range);
    }
    this.devices.set(device.name, device);
  }

  /**
   * Adds a function to the PCI bus, in `slot` or the first that is free.
   * @throws BusConflictError when the machine has no PCI bus, or no slot
   */
  addPci(pciFunction: PciFunction, slot?: number): void {
    if (!this.pci)
      throw new BusConflictError(`${pciFunction.name} needs a PCI bus`, { name: pciFunction.name });
    this.add(pciFunction);
    this.pci.add(pciFunction, slot);
  }

  /**
   * The place of the next virtio device at a fixed address.
   * @throws BusConflictError when the machine was not planned with so many
   */
  takeMmioSlot(): MmioSlot {
    const slot = this.freeMmioSlots.shift();
    if (!slot) throw new BusConflictError('there is no virtio-mmio slot left');
    return slot;
  }

  /** Every device as after power-on, the interrupt controllers last; then what firmware does before the kernel starts. */
  reset(): void {
    for (const device of [...this.devices.values()].reverse()) device.reset();
    if (this.pci) assignResources(this.pci);
  }

  /** @internal For base address registers: RAM is nobody's. */
  isFree(base: number, size: number): boolean {
    return this.ramAt(base, size) === undefined;
  }

  /** @internal For PCI functions. */
  sendMsi(address: number, data: number): void {
    this.messages++;
    this.vm?.signalMsi(address, data);
  }

  /** @internal For PCI functions: the line of one of their interrupt pins. */
  intx(slot: number, pin: number): { readonly line: IrqLine; readonly gsi: number } {
    const gsi = intxGsi(slot, pin);
    return { line: this.irq(gsi), gsi };
  }

  private makeHpet(model: HpetModel, replaced: readonly GatedLine[]): Hpet {
    return new Hpet({
      ...model,
      clock: this.clock,
      irq: gsi => this.irq(gsi),
      sendMsi: (address, data) => this.sendMsi(address, data),
      onLegacyReplacement: on => {
        for (const line of replaced) line.open(!on);
      },
    });
  }

  private addPciBus(hostBridge: HostBridgeName): PciRoot {
    const root = new PciRoot();
    this.add(new PciConfigPorts(root));
    this.add(new PciEcam(root));
    for (const [name, identity] of [
      ['host-bridge', HOST_BRIDGES[hostBridge]],
      ['isa-bridge', ISA_BRIDGE],
    ] as const) {
      const bridge = new PciFunction(name, identity, this);
      this.add(bridge);
      root.add(bridge);
    }
    return root;
  }

  private ramAt(base: number, size: number): RamSegment | undefined {
    return this.memory.segments.find(({ gpa, size: bytes }) => base < gpa + bytes && gpa < base + size);
  }

  /** The guest's accesses to RAM reach no bus: a device there would never hear of them. */
  private refuseRam(owner: string, { base, size }: BusRange): void {
    if (!this.ramAt(base, size)) return;
    throw new BusConflictError(`${owner} claims mmio ${hex(base)}+${hex(size)}, which is RAM`, {
      owner,
      base,
      size,
    });
  }

  /** Every device, in the order in which they were added. */
  allDevices(): Iterable<Device> {
    return this.devices.values();
  }

  device(name: string): Device | undefined {
    return this.devices.get(name);
  }

  irq(gsi: number): IrqLine {
    return this.router.line(gsi);
  }
}

/** ISA interrupts reach PIC and IOAPIC, those above the IOAPIC alone. */
function isaWiring(pic: Pic | undefined, ioapic: Ioapic): IrqRoute[][] {
  return Array.from({ length: IOAPIC_PINS }, (_, gsi) => {
    const routes: IrqRoute[] = [];
    if (pic && gsi < ISA_INTERRUPTS) routes.push({ controller: pic, pin: gsi });
    // Nothing drives GSI 2: on the PIC it is the cascade, on the IOAPIC the timer has its pin.
    if (gsi !== TIMER_PIN) routes.push({ controller: ioapic, pin: gsi === 0 ? TIMER_PIN : gsi });
    return routes;
  });
}

function ramSizes(memory: GuestMemory): { lowRam: number; highRam: number } {
  const below = memory.segments.filter(segment => segment.gpa < MMIO_HOLE_START);
  const above = memory.segments.filter(segment => segment.gpa >= HIGH_RAM_START);
  const total = (segments: typeof above): number => segments.reduce((sum, segment) => sum + segment.size, 0);
  return { lowRam: total(below), highRam: total(above) };
}
