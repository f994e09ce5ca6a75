import { Session, type Profiler } from 'node:inspector';

/** Parts of the program's own code that have been executed, as V8 counts them: a byte of source is the unit. */
export class BlockCoverage {
  private readonly session = new Session();
  /** For each script, 1 for each byte of its source that has been executed. */
  private readonly scripts = new Map<string, Uint8Array>();

  /** @param ours true for the scripts that count */
  constructor(private readonly ours: (url: string) => boolean) {
    this.session.connect();
    this.session.post('Profiler.enable');
  }

  start(): void {
    // With counts everything executed since the last report is in the next, whether it was in one before or not.
    this.session.post('Profiler.startPreciseCoverage', { callCount: true, detailed: true });
    this.take();
  }

  stop(): void {
    this.session.post('Profiler.stopPreciseCoverage');
  }

  /** As if nothing had been executed. */
  forget(): void {
    this.take();
    this.scripts.clear();
  }

  /** Bytes of source executed since the last call of either that never had been before. */
  take(): number {
    return this.read(true);
  }

  /** The same, but they are new the next time too. */
  look(): number {
    return this.read(false);
  }

  private read(remember: boolean): number {
    let fresh = 0;
    this.session.post('Profiler.takePreciseCoverage', (error, coverage) => {
      if (error) throw error;
      for (const script of coverage.result) if (this.ours(script.url)) fresh += this.add(script, remember);
    });
    return fresh;
  }

  private add({ url, functions }: Profiler.ScriptCoverage, remember: boolean): number {
    const end = Math.max(0, ...functions.map(({ ranges }) => ranges[0].endOffset));
    let known = this.scripts.get(url);
    if (known === undefined || known.length < end) {
      const larger = new Uint8Array(end);
      if (known) larger.set(known);
      this.scripts.set(url, (known = larger));
    }
    let fresh = 0;
    for (const { ranges } of functions) {
      const [{ startOffset, endOffset }] = ranges;
      const executed = new Uint8Array(endOffset - startOffset);
      // Inner ranges come behind those that they are in.
      for (const range of ranges) {
        executed.fill(
          range.count > 0 ? 1 : 0,
          range.startOffset - startOffset,
          range.endOffset - startOffset,
        );
      }
      for (let i = 0; i < executed.length; i++) {
        if (executed[i] === 0 || known[startOffset + i] === 1) continue;
        if (remember) known[startOffset + i] = 1;
        fresh++;
      }
    }
    return fresh;
  }
}
