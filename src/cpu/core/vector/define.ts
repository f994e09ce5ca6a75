import { defineApproximations } from './approximate';
import { defineVectorArithmetic } from './arithmetic';
import { defineVectorComparisons } from './compare';
import { defineVectorConversions } from './convert';
import { defineVectorMoves } from './move';
import { definePacked } from './packed';
import { defineVectorStrings } from './string';

/** MMX and SSE to SSE4.2. */
export function defineVectors(): void {
  defineVectorMoves();
  definePacked();
  defineVectorArithmetic();
  defineVectorComparisons();
  defineVectorConversions();
  defineApproximations();
  defineVectorStrings();
}
