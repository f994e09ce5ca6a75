import type { NetBackend } from '../../net/backend.js';
import { Cable } from '../../net/cable.js';
import { CardLoop } from '../../net/card-loop.js';
import { RemoteCard } from '../../net/card.js';
import { Doorbell, type Interrupter } from '../../vmm/doorbell.js';
import type { NetworkSetup } from '../../vmm/machine/host.js';
import { openBackend } from './open-backend.js';

const loop = new CardLoop(action => void setImmediate(action));

/** What wakes this thread when there is something in a cable. */
export const bell = loop.bell.buffer;

/** The far end of one cable, on this thread. */
export class FarEnd {
  private constructor(
    private readonly backend: NetBackend,
    private readonly card: RemoteCard,
  ) {}

  /** @throws ConfigError that says why the network cannot be had */
  static async open({ backend: setup, pcap, cable, doorbell, accelerator }: NetworkSetup): Promise<FarEnd> {
    const interrupt = await interrupterFor(accelerator);
    let backend = await openBackend(setup);
    if (pcap !== undefined) {
      const { recordInFile } = await import('./pcap-file.js');
      try {
        backend = recordInFile(backend, pcap);
      } catch (error) {
        backend.close();
        throw error;
      }
    }
    const machine = new Doorbell(doorbell, interrupt);
    const card = new RemoteCard(new Cable(cable), backend, () => machine.ring(), loop.schedule);
    loop.add(card);
    return new FarEnd(backend, card);
  }

  get mtu(): number | undefined {
    return this.backend.mtu;
  }

  close(): void {
    loop.remove(this.card);
    this.backend.close();
  }
}

/** Native code is loaded for KVM alone. */
async function interrupterFor(accelerator: NetworkSetup['accelerator']): Promise<Interrupter | undefined> {
  return accelerator === 'kvm' ? (await import('../kick-signal.js')).interruptThread : undefined;
}
