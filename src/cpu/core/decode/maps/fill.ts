import { fillGroups } from './groups';
import { fillOneByte } from './one-byte';
import { fillPacked } from './packed';
import { fillSseArithmetic } from './sse-arithmetic';
import { fillSseMoves } from './sse-moves';
import { fillThreeByte } from './three-byte';
import { fillTwoByte } from './two-byte';

/** The opcode maps, as the manuals print them. */
export function fillOpcodeTables(): void {
  fillOneByte();
  fillTwoByte();
  fillGroups();
  fillSseMoves();
  fillSseArithmetic();
  fillPacked();
  fillThreeByte();
}
