import type { ObservedApic, Vm } from '../../vmm/accelerator.js';
import type { Bus } from '../../vmm/bus/bus.js';
import type { Clock } from '../../vmm/clock.js';
import type { Device } from '../../vmm/device.js';
import { DRIVER_CLAUSES } from '../clauses/driver-clauses.js';
import { chipKind } from './chips/index.js';
import { LocalApicRules, registerName } from './chips/local-apic.js';
import { WatchedChip, type ChipJudging, type ChipRules } from './chips/watched-chip.js';
import type { DriverCheck } from './driver-check.js';
import { Judge, type ClauseFindings, type GuestPlace } from './judge.js';
import { variantOf } from './variants/index.js';
import type { Variant } from './variants/variant.js';
import { WatchedDevice } from './watched-device.js';

/** What there was to watch: which clauses apply. */
export interface WatchedSummary {
  readonly name: string;
  /** Virtio device id. */
  readonly type: number;
  readonly transport: 'pci' | 'mmio';
  /** A driver has got as far as to DRIVER_OK. */
  readonly driven: boolean;
  /** It has behaved in the way of a variant that takes an occasion. */
  readonly acted: boolean;
  /** What the device could not go on with. */
  readonly violations: readonly string[];
}

/** A chip that was watched besides. */
export interface ChipSummary {
  readonly name: string;
  /** That the ids of its clauses begin with. */
  readonly specification: string;
  /** A driver has written to it. */
  readonly driven: boolean;
}

/** Everything that one run tells: plain data. */
export interface DriverFindings {
  readonly clauses: readonly ClauseFindings[];
  readonly devices: readonly WatchedSummary[];
  readonly chips: readonly ChipSummary[];
}

/** What chips are looked for on. */
interface Chipset {
  readonly ports: Bus;
  readonly mmio: Bus;
  allDevices(): Iterable<Device>;
}

/** Watches the virtio devices and the chips of one machine. */
export class DriverWatch {
  private readonly devices: WatchedDevice[] = [];
  private readonly chips: WatchedChip[] = [];
  private readonly judge: Judge;
  private readonly variant: Variant;

  /**
   * @param check what of the drivers is checked, and how devices behave
   * @param place where the guest is, which means something while it is in an access
   */
  constructor(
    check: DriverCheck,
    private readonly clock: Clock,
    place: () => GuestPlace,
  ) {
    this.variant = variantOf(check.variant);
    this.judge = new Judge(DRIVER_CLAUSES, () =>
      [...this.devices, ...this.chips].some(({ accessing }) => accessing) ? place() : undefined,
    );
  }

  /** Somebody who watches the device that is called `name`. */
  observer(name: string): WatchedDevice {
    const device = new WatchedDevice(name, this.judge, this.clock, this.variant);
    this.devices.push(device);
    return device;
  }

  /** Watches the chips that are on the machine's board by now. */
  watchChips(board: Chipset): void {
    for (const device of board.allDevices()) {
      const kind = chipKind(device);
      if (!kind) continue;
      const chip = this.watchChip(device.name, kind.specification, kind.rules);
      for (const bus of [board.ports, board.mmio]) bus.interpose(device.name, target => chip.watch(target));
    }
  }

  /** Watches the local APICs, if the accelerator shows them. */
  watchApics(vm: Pick<Vm, 'watchApics'>): void {
    if (!vm.watchApics) return;
    let state: ObservedApic = { inService: true, exists: () => true };
    const apics = this.watchChip('local APIC', 'lapic', judge => {
      const current = { inService: () => state.inService, exists: (offset: number) => state.exists(offset) };
      return new LocalApicRules(judge, current);
    });
    vm.watchApics({
      read: (apic, offset, value) => {
        state = apic;
        apics.read(offset, 4, value, registerName);
      },
      write: (apic, offset, value) => {
        state = apic;
        apics.write(offset, 4, value, registerName);
      },
    });
  }

  /** What is known by now. */
  findings(): DriverFindings {
    for (const device of this.devices) device.finish();
    return {
      clauses: this.judge.findings(),
      devices: this.devices.map(watched => ({
        name: watched.name,
        type: watched.device.type.id,
        transport: watched.isPci ? 'pci' : 'mmio',
        driven: watched.driven,
        acted: watched.acted,
        violations: watched.device.violations.map(({ rule, section }) => `${rule} (${section})`),
      })),
      chips: this.chips.map(({ name, specification, driven }) => ({ name, specification, driven })),
    };
  }

  private watchChip(
    name: string,
    specification: string,
    rules: (judge: ChipJudging) => ChipRules,
  ): WatchedChip {
    const chip = new WatchedChip(name, specification, rules, this.judge, () => this.clock.now());
    this.chips.push(chip);
    return chip;
  }
}
