import {
  frameAddress,
  lookupAddress,
  type Point,
  type Stack,
  type SymbolImage,
  type SymbolInfo,
} from '../format.js';
import type { SymbolTable } from '../profile-writer.js';
import type { SymbolFile } from './symbol-file.js';

/** A file whose code is in the guest. */
export interface LoadedImage {
  readonly file: SymbolFile;
  /** What the guest's addresses are above the file's. */
  readonly bias: bigint;
  /** Where its code is, for one that shares the address space with others. */
  readonly range?: readonly [from: bigint, to: bigint];
}

/** Readable names of C++ functions; others come back as they are. */
export type Demangle = (name: string) => string;

/** Tells functions and lines of addresses of guest code. */
export class Symbolizer {
  /** @param images those that know an address best first */
  constructor(
    readonly images: readonly LoadedImage[],
    private readonly demangle: Demangle,
  ) {}

  /** The function of an address, without its line: quick enough for traces. */
  name(address: bigint): string | undefined {
    const match = this.match(address);
    return match && `${this.demangle(match.name)}+0x${match.offset.toString(16)}`;
  }

  /** All that is known of these addresses. */
  table(addresses: Iterable<bigint>): SymbolTable {
    const symbols = new Map<bigint, SymbolInfo>();
    const byImage = new Map<LoadedImage, bigint[]>();
    for (const address of new Set(addresses)) {
      const match = this.match(address);
      if (!match) continue;
      const name = this.demangle(match.name);
      symbols.set(address, {
        name,
        offset: match.offset,
        ...(name !== match.name && { linkage: match.name }),
        image: baseName(match.image.file.path),
      });
      const known = byImage.get(match.image);
      if (known) known.push(address);
      else byImage.set(match.image, [address]);
    }
    for (const [image, known] of byImage) addLines(symbols, image, known);
    return { images: this.images.map(imageOf), symbols };
  }

  private match(address: bigint) {
    for (const image of this.images) {
      if (image.range && (address < image.range[0] || address >= image.range[1])) continue;
      const match = image.file.symbols.lookup(BigInt.asUintN(64, address - image.bias));
      if (match) return { name: match.name, offset: Number(match.offset), image };
    }
    return undefined;
  }
}

function addLines(
  symbols: Map<bigint, SymbolInfo>,
  { file, bias }: LoadedImage,
  addresses: readonly bigint[],
): void {
  const lines = file.lines(addresses.map(address => BigInt.asUintN(64, address - bias)));
  for (const address of addresses) {
    const line = lines.get(BigInt.asUintN(64, address - bias));
    if (line) symbols.set(address, { ...symbols.get(address)!, ...line });
  }
}

function imageOf({ file, bias }: LoadedImage): SymbolImage {
  return {
    path: file.path,
    bias: BigInt.asUintN(64, bias),
    ...(file.buildId !== undefined && { buildId: file.buildId }),
  };
}

function baseName(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1);
}

/** The addresses that a recording's readers look up. */
export function* addressesOf(points: readonly Point[], stacks: readonly Stack[]): Generator<bigint> {
  for (const point of points) if (point.rip !== 0n) yield lookupAddress(point);
  for (const stack of stacks) {
    for (let i = 0; i < stack.length; i++) {
      yield frameAddress(stack, i);
      // The innermost of a point whose RIP is behind its instruction.
      if (i === 0 && stack[0] > 0n) yield stack[0] - 1n;
    }
  }
}
