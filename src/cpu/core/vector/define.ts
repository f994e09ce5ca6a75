import { defineFloat } from './float';
import { defineVectorMoves } from './move';
import { definePacked } from './packed';
import { defineVectorStrings } from './string';

/** MMX and SSE to SSE4.2. */
export function defineVectors(): void {
  defineVectorMoves();
  definePacked();
  defineFloat();
  defineVectorStrings();
}
