import { FrameRules, type FrameIndex } from './frame-index.js';
import { OrcRules, type OrcTables } from './orc.js';

/** How functions are left, by what a compiler wrote about it: rows as in `UnwindTable`. */
export interface UnwindRules {
  /**
   * Looks for the rules of an address, as linked.
   * @returns where in `rows` its row begins, −1 where nothing is known of it
   */
  find(address: bigint): number;
  /** What `find` has found, until it is called again. */
  readonly rows: Int32Array;
}

/** What rules are made of: plain data that goes to another thread. */
export type UnwindData = FrameIndex | OrcTables;

export function unwindRules(data: UnwindData): UnwindRules {
  return data.kind === 'frames' ? new FrameRules(data) : new OrcRules(data);
}
