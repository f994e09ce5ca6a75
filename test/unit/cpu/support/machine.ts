import { WasmAccelerator, CORE_RESERVE } from '../../../../src/cpu/wasm-accelerator.js';
import type { WasmVm } from '../../../../src/cpu/wasm-vm.js';
import type { ExitHandlers } from '../../../../src/vmm/accelerator.js';
import { MachineClock } from '../../../../src/vmm/clock.js';
import { InstructionTime } from '../../../../src/vmm/instruction-time.js';
import { Doorbell } from '../../../../src/vmm/doorbell.js';
import { GuestMemory } from '../../../../src/vmm/memory/guest-memory.js';
import {
  generalRegisters,
  type GeneralRegisters,
  type Segment,
  type SystemRegisters,
} from '../../../../src/vmm/vcpu-state.js';

/** A machine of vCPUs, memory, a serial port's data register and the debug exit port. */
export class TestMachine {
  readonly memory: GuestMemory;
  readonly vm: WasmVm;
  output = '';
  exitCode: number | undefined;
  readonly ports = new Map<number, (size: number, value: number | undefined) => number | void>();
  readonly mmio: { gpa: number; size: number; value?: number }[] = [];
  /** Called in the middle of each access to device memory. */
  onMmio: () => void = () => undefined;

  /** @param options.icount time follows from executed instructions: 1 ns each */
  constructor({
    ram = 16 << 20,
    cpus = 1,
    icount = false,
    random = undefined as (() => number) | undefined,
  } = {}) {
    this.memory = GuestMemory.allocate(ram, CORE_RESERVE);
    const start = performance.now();
    const time = icount ? new InstructionTime({ shift: 0, epoch: 0 }) : undefined;
    const clock = new MachineClock(
      time ?? { elapsed: () => (performance.now() - start) * 1e6, epoch: Date.now() },
      () => this.doorbell.raise(),
    );
    this.doorbell = new Doorbell(Doorbell.allocate());
    this.clock = clock;
    this.vm = new WasmAccelerator().createVm({
      memory: this.memory,
      cpus,
      handlers: this.handlers(),
      clock,
      doorbell: this.doorbell.buffer,
      ...(time && { icount: time }),
      ...(random && { random }),
    });
  }

  readonly clock: MachineClock;
  readonly doorbell: Doorbell;

  private handlers(): ExitHandlers {
    return {
      pioRead: (port, size) => {
        const own = this.ports.get(port);
        if (own) return own(size, undefined) as number;
        if (port === 0x3fd) return 0x60;
        return 2 ** (8 * size) - 1;
      },
      pioWrite: (port, size, value) => {
        const own = this.ports.get(port);
        if (own) own(size, value);
        else if (port === 0x3f8) this.output += String.fromCharCode(value & 0xff);
        else if (port === 0xf4) {
          this.exitCode = value;
          this.doorbell.raise();
        }
      },
      mmioRead: (gpa, size) => {
        this.mmio.push({ gpa, size });
        this.onMmio();
        return 2 ** (8 * size) - 1;
      },
      mmioWrite: (gpa, size, value) => {
        this.mmio.push({ gpa, size, value });
        this.onMmio();
      },
      eoi: () => undefined,
      acknowledgePic: () => 0x27,
    };
  }

  /** Runs until the guest stops by itself or for `ms`. */
  run(ms: number): string {
    const end = this.clock.now() + ms * 1e6;
    for (;;) {
      const stop = this.vm.run(end);
      if (stop !== 'halted' || this.clock.now() >= end) return stop;
      return stop;
    }
  }
}

const segment = (selector: number, attributes: number, limit = 0xffff_ffff): Segment => ({
  selector,
  base: 0n,
  limit,
  attributes,
  unusable: false,
});

/** Flat 32-bit protected mode without paging. */
export function protectedMode(given: Partial<GeneralRegisters>): {
  registers: GeneralRegisters;
  system: SystemRegisters;
} {
  const data = segment(0x18, 0xc093);
  return {
    registers: generalRegisters(given),
    system: {
      cs: segment(0x10, 0xc09b),
      ds: data,
      es: data,
      ss: data,
      fs: data,
      gs: data,
      tr: segment(0, 0x8b, 0x67),
      ldt: { ...segment(0, 0x82, 0), unusable: true },
      gdt: { base: 0n, limit: 0 },
      idt: { base: 0n, limit: 0 },
      cr0: 0x11n,
      cr2: 0n,
      cr3: 0n,
      cr4: 0n,
      cr8: 0n,
      efer: 0n,
      apicBase: 0xfee0_0900n,
    },
  };
}

/** Real mode, all segments at 0, the interrupt vectors at 0. */
export function realMode(given: Partial<GeneralRegisters>): {
  registers: GeneralRegisters;
  system: SystemRegisters;
} {
  const { registers, system } = protectedMode(given);
  const data = segment(0, 0x93, 0xffff);
  return {
    registers,
    system: {
      ...system,
      cs: segment(0, 0x9b, 0xffff),
      ds: data,
      es: data,
      ss: data,
      fs: data,
      gs: data,
      idt: { base: 0n, limit: 0x3ff },
      cr0: 0x10n,
    },
  };
}

/** Flat 64-bit mode with the first 4 GiB mapped onto themselves by 1 GiB pages, the tables at 0x1000 and 0x2000. */
export function longMode(
  memory: GuestMemory,
  given: Partial<GeneralRegisters>,
): { registers: GeneralRegisters; system: SystemRegisters } {
  memory.write64(0x1000, 0x2007n);
  for (let i = 0; i < 4; i++) memory.write64(0x2000 + i * 8, (BigInt(i) << 30n) | 0x87n);
  const { registers, system } = protectedMode(given);
  return {
    registers,
    system: {
      ...system,
      cs: segment(0x10, 0xa09b),
      cr0: 0x8000_0011n,
      cr3: 0x1000n,
      cr4: 0x20n,
      efer: 0x500n,
    },
  };
}

/** Loads an ELF kernel with a PVH note and starts it. */
export function loadPvh(machine: TestMachine, image: Uint8Array, commandLine = ''): void {
  const view = new DataView(image.buffer, image.byteOffset, image.byteLength);
  const wide = image[4] === 2;
  const phoff = wide ? Number(view.getBigUint64(32, true)) : view.getUint32(28, true);
  const phentsize = view.getUint16(wide ? 54 : 42, true);
  const phnum = view.getUint16(wide ? 56 : 44, true);
  let entry = 0;
  for (let i = 0; i < phnum; i++) {
    const at = phoff + i * phentsize;
    const type = view.getUint32(at, true);
    const [offset, paddr, filesz] = wide
      ? [8, 24, 32].map(o => Number(view.getBigUint64(at + o, true)))
      : [4, 12, 16].map(o => view.getUint32(at + o, true));
    if (type === 1) machine.memory.write(paddr, image.subarray(offset, offset + filesz));
    if (type === 4) {
      for (let n = offset; n < offset + filesz;) {
        const namesz = view.getUint32(n, true);
        const descsz = view.getUint32(n + 4, true);
        const desc = n + 12 + ((namesz + 3) & ~3);
        if (view.getUint32(n + 8, true) === 18) entry = view.getUint32(desc, true);
        n = desc + ((descsz + 3) & ~3);
      }
    }
  }
  const info = 0x6000;
  const { memory } = machine;
  memory.write32(info, 0x336ec578);
  memory.write32(info + 4, 1);
  memory.write64(info + 24, 0x7000n);
  memory.write64(info + 40, 0x6800n);
  memory.write32(info + 48, 1);
  memory.write64(0x6800, 0n);
  memory.write64(0x6808, BigInt(memory.size));
  memory.write32(0x6810, 1);
  memory.write(0x7000, new TextEncoder().encode(`${commandLine}\0`));
  machine.vm.vcpus[0].setState({
    ...protectedMode({ rbx: BigInt(info), rip: BigInt(entry) }),
    activity: 'running',
  });
}
