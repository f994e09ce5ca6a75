import { section, type Clause, type Party, type Statement } from '../clause.js';

/** Statements of one section of the virtio specification 1.4, of which 1.3 has the same numbers. */
export function virtio(number: string, party: Party, statements: readonly Statement[]): readonly Clause[] {
  return section('virtio', number, party, statements);
}
