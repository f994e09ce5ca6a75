import type { Power } from '../../../../src/vmm/device.js';

/** Writes down what a device asked for. */
export class RecordingPower implements Power {
  readonly requests: (string | number)[] = [];

  poweroff(): void {
    this.requests.push('poweroff');
  }

  reset(): void {
    this.requests.push('reset');
  }

  panic(): void {
    this.requests.push('panic');
  }

  exit(value: number): void {
    this.requests.push(value);
  }
}
