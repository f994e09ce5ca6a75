import { allOnes, type AccessSize } from '../../vmm/device.js';
import { BusConflictError } from '../../errors.js';
import type { PciFunction } from './function.js';
import { SLOTS } from './wiring.js';

const FUNCTIONS = 8;

/** Bus 0: the functions of a machine by slot (device number) and function number. */
export class PciRoot {
  private readonly table: (PciFunction | undefined)[] = Array.from({ length: SLOTS * FUNCTIONS });

  /**
   * Puts a function into a slot, by default the first free one.
   * @throws BusConflictError when it is taken, or none is free
   */
  add(pciFunction: PciFunction, slot = this.freeSlot(), number = 0): number {
    const index = slot * FUNCTIONS + number;
    if (slot >= SLOTS) throw new BusConflictError('there is no PCI slot left', { name: pciFunction.name });
    const other = this.table[index];
    if (other) {
      throw new BusConflictError(
        `${pciFunction.name} is to go into PCI slot ${slot}, where ${other.name} is`,
        { slot, owner: pciFunction.name, other: other.name },
      );
    }
    this.table[index] = pciFunction;
    pciFunction.attach(slot);
    return slot;
  }

  /** Every function, in the order in which enumeration finds them. */
  *functions(): Generator<{ slot: number; number: number; pciFunction: PciFunction }> {
    for (let index = 0; index < this.table.length; index++) {
      const pciFunction = this.table[index];
      if (pciFunction) {
        yield { slot: Math.floor(index / FUNCTIONS), number: index % FUNCTIONS, pciFunction };
      }
    }
  }

  at(slot: number, number: number): PciFunction | undefined {
    return this.table[slot * FUNCTIONS + number];
  }

  /** @param routing bus, device and function number as both configuration mechanisms have them: bits 15 to 0 */
  read(routing: number, offset: number, size: AccessSize): number {
    const target = routing < this.table.length ? this.table[routing] : undefined;
    // Nobody answers: the host bridge completes with all ones (PCI Local Bus 3.0, 6.1).
    if (target === undefined) return allOnes(size);
    return target.readConfig(offset, size);
  }

  write(routing: number, offset: number, size: AccessSize, value: number): void {
    if (routing < this.table.length) this.table[routing]?.writeConfig(offset, size, value);
  }

  nameAt(routing: number, offset: number): string {
    const target = this.table[routing];
    return target ? `${target.name} ${target.config.nameAt(offset)}` : 'no function';
  }

  private freeSlot(): number {
    let slot = 0;
    while (slot < SLOTS && this.table[slot * FUNCTIONS]) slot++;
    return slot;
  }
}
