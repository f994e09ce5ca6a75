import type { SerialPort } from '../../vmm/machine/serial-port.js';

/** Bytes that wait while nobody reads them; older ones than these are dropped. */
const BACKLOG = 64 << 10;

/**
 * A serial port's output for readers that come and go: what is sent while nobody is there waits for the next one; while
 * somebody is there but does not read, the guest waits.
 */
export class PatientOutput {
  private readonly backlog: Uint8Array[] = [];
  private waiting = 0;
  private flushing: Promise<void> | undefined;

  /**
   * @param send gives the reader bytes and resolves to how many of them it took, once it took some; 0 when nobody is
   * there. Never rejects.
   */
  constructor(private readonly send: (data: Uint8Array) => Promise<number>) {}

  /** Takes all of the port's output; resolves when the run is over and the reader, if there is one, has it all. */
  async take(port: SerialPort): Promise<void> {
    for await (const data of port.readable) {
      this.push(data);
      await this.flush();
    }
    await this.flush();
  }

  /** Sends what waits: a reader has come. */
  flush(): Promise<void> {
    this.flushing ??= this.sendBacklog().finally(() => (this.flushing = undefined));
    return this.flushing;
  }

  private push(data: Uint8Array): void {
    this.backlog.push(data);
    this.waiting += data.length;
    while (this.waiting - this.backlog[0].length >= BACKLOG) this.waiting -= this.backlog.shift()!.length;
  }

  private async sendBacklog(): Promise<void> {
    while (this.backlog.length > 0) {
      const data = this.backlog[0];
      const count = await this.send(data);
      if (count === 0) return;
      this.waiting -= count;
      if (count === data.length) this.backlog.shift();
      else this.backlog[0] = data.subarray(count);
    }
  }
}
