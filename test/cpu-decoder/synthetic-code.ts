import type { Random } from '../cpu-oracle/random.js';
import type { CodeBits } from './core-decoder.js';

const LEGACY_PREFIXES = [0x66, 0x67, 0xf2, 0xf3, 0xf0, 0x26, 0x2e, 0x36, 0x3e, 0x64, 0x65];
const MAPS = [[], [0x0f], [0x0f, 0x38], [0x0f, 0x3a]];

/** Each opcode of each map `rounds` times, with random prefixes, ModRM, SIB, displacement and immediate. */
export function syntheticCode(random: Random, bits: CodeBits, rounds: number): Uint8Array {
  const code: number[] = [];
  for (let round = 0; round < rounds; round++) {
    for (const map of MAPS) {
      for (let opcode = 0; opcode < 256; opcode++) {
        while (random.chance(0.4)) code.push(random.pick(LEGACY_PREFIXES));
        if (bits === 64 && random.chance(0.5)) code.push(0x40 | random.below(16));
        code.push(...map, opcode);
        // ModRM, SIB, eight bytes of displacement and immediate; what is left over is an instruction of its own.
        for (let i = 0; i < 10; i++) code.push(random.below(256));
      }
    }
  }
  return Uint8Array.from(code);
}
