/** Events that are remembered of each queue, and of each device. */
const LENGTH = 24;

/** The last events of a queue or a device, as text. */
export class History {
  private readonly lines: string[] = [];
  private next = 0;

  /** @param now nanoseconds since power-on */
  constructor(private readonly now: () => number) {}

  add(line: string): void {
    this.lines[this.next] = `${(this.now() / 1e6).toFixed(3)} ms  ${line}`;
    this.next = (this.next + 1) % LENGTH;
  }

  /** Oldest first. */
  list(): readonly string[] {
    return [...this.lines.slice(this.next), ...this.lines.slice(0, this.next)];
  }
}
