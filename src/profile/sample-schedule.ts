/**
 * Which instructions are sampled: of each `period` that a vCPU executes one, at a place in it that is drawn anew each time. A loop
 * whose length divides the period would be sampled at one place only otherwise, again and again. The same run has the same samples.
 */
export class SampleSchedule {
  /** By vCPU: instructions until the next sample, and from there to the end of its period. */
  private readonly left: Float64Array;
  private readonly behind: Float64Array;
  private readonly seeds: Uint32Array;

  /** @param period whole, at least 1 */
  constructor(
    private readonly period: number,
    cpus: number,
  ) {
    this.left = new Float64Array(cpus);
    this.behind = new Float64Array(cpus);
    this.seeds = Uint32Array.from({ length: cpus }, (_, vcpu) => vcpu + 1);
    for (let vcpu = 0; vcpu < cpus; vcpu++) this.draw(vcpu);
  }

  /** Instructions that `vcpu` executes until it is sampled: at least 1. */
  until(vcpu: number): number {
    return this.left[vcpu];
  }

  /** `vcpu` has executed so many. @returns whether it is to be sampled now: once, however many samples it is late for */
  advance(vcpu: number, instructions: number): boolean {
    this.left[vcpu] -= instructions;
    if (this.left[vcpu] > 0) return false;
    while (this.left[vcpu] <= 0) this.draw(vcpu);
    return true;
  }

  /** The place in the next period, 1 to `period`. */
  private draw(vcpu: number): void {
    // Numerical Recipes' linear congruential generator, modulo 2^32.
    const seed = (Math.imul(this.seeds[vcpu], 1_664_525) + 1_013_904_223) >>> 0;
    this.seeds[vcpu] = seed;
    const place = 1 + Math.floor((seed / 2 ** 32) * this.period);
    this.left[vcpu] += this.behind[vcpu] + place;
    this.behind[vcpu] = this.period - place;
  }
}
