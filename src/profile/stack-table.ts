import { KeyIndex } from './key-index.js';
import {
  Header,
  MAX_SAMPLES,
  MAX_STACKS,
  MAX_STACK_PAIRS,
  PAIR_WORDS,
  PairWord,
  SAMPLE_WORDS,
  SampleWord,
  type RecordMemory,
} from './record-memory.js';

/** Call stacks, each of them kept once, and what is counted for them. */
export class StackTable {
  private readonly stacks = new KeyIndex(MAX_STACKS);
  private readonly pairs = new KeyIndex(MAX_STACK_PAIRS);
  private readonly sampleIndex = new KeyIndex(MAX_SAMPLES);
  private count = 0;
  private addressEnd = 0;
  private pairCount = 0;
  private sampleCount = 0;

  constructor(private readonly memory: RecordMemory) {}

  /**
   * The number of a stack, −1 when there is no room for another.
   * @param frames low and high word of each address
   * @param length how many addresses
   */
  stackOf(frames: Uint32Array, length: number): number {
    let first = length;
    let second = ~length;
    for (let i = 0; i < length * 2; i++) {
      first = Math.imul(first ^ frames[i], 0x85eb_ca6b);
      first ^= first >>> 13;
      second = Math.imul(second + frames[i], 0xc2b2_ae35);
      second ^= second >>> 16;
    }
    const known = this.stacks.find(first, second, length);
    if (known >= 0) return known;
    const { addresses, stackStarts, header } = this.memory;
    if (this.count >= MAX_STACKS || (this.addressEnd + length) * 2 > addresses.length) return -1;
    const stack = this.count++;
    addresses.set(frames.subarray(0, length * 2), this.addressEnd * 2);
    this.addressEnd += length;
    stackStarts[stack + 1] = this.addressEnd;
    this.stacks.add(first, second, length, stack);
    Atomics.store(header, Header.STACKS, this.count);
    return stack;
  }

  /** The number of a pair of point and stack, −1 when there is no room for another. */
  pairOf(point: number, stack: number): number {
    const known = this.pairs.find(point, stack, 0);
    if (known >= 0) return known;
    if (this.pairCount >= MAX_STACK_PAIRS) return -1;
    const pair = this.pairCount++;
    this.memory.pairs[pair * PAIR_WORDS + PairWord.POINT] = point;
    this.memory.pairs[pair * PAIR_WORDS + PairWord.STACK] = stack;
    this.pairs.add(point, stack, 0, pair);
    Atomics.store(this.memory.header, Header.PAIRS, this.pairCount);
    return pair;
  }

  /** Counts a sample of guest code. @returns false when there is no room for another stack of it */
  sample(vcpu: number, stack: number): boolean {
    const { samples, header } = this.memory;
    let index = this.sampleIndex.find(vcpu, stack, 0);
    if (index < 0) {
      if (this.sampleCount >= MAX_SAMPLES) return false;
      index = this.sampleCount++;
      samples[index * SAMPLE_WORDS + SampleWord.VCPU] = vcpu;
      samples[index * SAMPLE_WORDS + SampleWord.STACK] = stack;
      this.sampleIndex.add(vcpu, stack, 0, index);
      Atomics.store(header, Header.SAMPLES, this.sampleCount);
    }
    samples[index * SAMPLE_WORDS + SampleWord.COUNT]++;
    return true;
  }
}
