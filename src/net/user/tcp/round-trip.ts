/** Before the first measurement (RFC 6298, 2.1). */
const INITIAL_RTO_MS = 1000;
/** Less than RFC 6298 has, as Linux does: guests acknowledge within 40 ms or so. */
const MIN_RTO_MS = 200;
const MAX_RTO_MS = 60_000;

/** How long an acknowledgment takes, and how long to wait for one (RFC 6298). */
export class RoundTrip {
  private smoothed = 0;
  private variation = 0;
  private timeout = INITIAL_RTO_MS;
  private doublings = 0;

  /** Milliseconds to wait until a segment is sent again. */
  get rto(): number {
    return Math.min(this.timeout * 2 ** this.doublings, MAX_RTO_MS);
  }

  /** A segment that was sent once was acknowledged after `ms`. */
  measured(ms: number): void {
    if (this.smoothed === 0) {
      this.smoothed = ms;
      this.variation = ms / 2;
    } else {
      this.variation += (Math.abs(this.smoothed - ms) - this.variation) / 4;
      this.smoothed += (ms - this.smoothed) / 8;
    }
    this.timeout = Math.max(MIN_RTO_MS, this.smoothed + 4 * this.variation);
    this.doublings = 0;
  }

  /** Nothing came in time: the next time twice as long. */
  backOff(): void {
    this.doublings = Math.min(this.doublings + 1, 16);
  }

  /** Something came. */
  progressed(): void {
    this.doublings = 0;
  }
}
