/**
 * Gathers the places that a thread writes to in guest RAM, so that it tells another one of neighbouring writes at once:
 * when the thread is through with what it does, or before it tells something else.
 */
export class WriteAnnouncer {
  private start = 0;
  private end = 0;
  private planned = false;

  constructor(private readonly announce: (gpa: number, size: number) => void) {}

  note(gpa: number, size: number): void {
    if (this.end > this.start && gpa <= this.end && gpa + size >= this.start) {
      this.start = Math.min(this.start, gpa);
      this.end = Math.max(this.end, gpa + size);
    } else {
      this.flush();
      this.start = gpa;
      this.end = gpa + size;
    }
    if (this.planned) return;
    this.planned = true;
    queueMicrotask(() => {
      this.planned = false;
      this.flush();
    });
  }

  /** Tells now what is not told yet. */
  flush(): void {
    const { start, end } = this;
    this.start = this.end = 0;
    if (end > start) this.announce(start, end - start);
  }
}
