import { ALL_OFFLOADS, type NetBackend } from './backend.js';

/** A cable that is plugged in, with nobody at its other end. */
export class NoNetwork implements NetBackend {
  readonly accepts = ALL_OFFLOADS;
  attach(): void {}
  transmit(): void {}
  onRoom(): void {}
  close(): void {}
}
