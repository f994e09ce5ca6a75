import { DeliveryMode, Shorthand, destinationOf, type ApicMessage } from './apic-message.js';
import type { LocalApic } from './local-apic.js';

/** Carries interrupt messages to the local APICs that they name (Intel SDM vol. 3, 11.6.2 and 11.11). */
export class ApicBus {
  private readonly apics: LocalApic[] = [];
  /** Behind whom the next search for the lowest priority begins, so that equals take turns. */
  private lastLowest = 0;

  attach(apic: LocalApic): void {
    this.apics.push(apic);
  }

  /** Whether there is an APIC of this ID. */
  has(id: number): boolean {
    return this.apics.some(apic => apic.enabled && apic.id === id);
  }

  /** A write to the address range of message-signalled interrupts. */
  signalMsi(address: number, data: number): void {
    this.send({
      destination: destinationOf((address >>> 12) & 0xff),
      logical: (address & 4) !== 0,
      mode: (data >>> 8) & 7,
      vector: data & 0xff,
      level: (data & 0x8000) !== 0,
    });
  }

  send(message: ApicMessage, shorthand = Shorthand.NONE, from?: LocalApic): void {
    const isTarget = (apic: LocalApic): boolean => {
      switch (shorthand) {
        case Shorthand.NONE:
          return apic.isDestination(message);
        case Shorthand.SELF:
          return apic === from;
        case Shorthand.ALL:
          return apic.enabled;
        case Shorthand.OTHERS:
          return apic.enabled && apic !== from;
      }
    };
    if (message.mode === DeliveryMode.LOWEST) this.lowest(isTarget)?.deliver(message);
    else for (const apic of this.apics) if (isTarget(apic)) apic.deliver(message);
  }

  /** Of the APICs that would take it, the one whose processor does the least urgent work (11.6.2.4). */
  private lowest(isTarget: (apic: LocalApic) => boolean): LocalApic | undefined {
    let found: LocalApic | undefined;
    const { length } = this.apics;
    for (let i = 1; i <= length; i++) {
      const apic = this.apics[(this.lastLowest + i) % length];
      if (!apic.softwareEnabled || !isTarget(apic)) continue;
      if (!found || apic.processorPriority < found.processorPriority) found = apic;
    }
    if (found) this.lastLowest = this.apics.indexOf(found);
    return found;
  }
}
