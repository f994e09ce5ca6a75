import { Decoder, decodeInstruction } from './decoder';
import { Record } from './record';

const record: usize = memory.data(Record.BYTE_SIZE);

/**
 * Decodes the instruction at a physical address, for those who want to look at its record: nothing is cached, no guest
 * state changes and nothing is raised.
 * @param mode bits of `Mode`
 * @returns the record, valid until the next call; 0 for more than 15 bytes, or an end in another page
 */
export function decodeAt(gpa: u32, mode: u32): usize {
  memory.fill(record, 0, Record.BYTE_SIZE);
  Decoder.begin(gpa, mode, gpa);
  return decodeInstruction(record, false) ? record : 0;
}
