/** The part of buffer-layout 1.2 that tsvmm uses; the package ships no types. */
declare module 'buffer-layout' {
  export class Layout<T> {
    constructor(span: number, property?: string);
    readonly span: number;
    readonly property?: string;
    decode(b: Uint8Array, offset?: number): T;
    encode(src: T, b: Uint8Array, offset?: number): number;
    getSpan(b?: Uint8Array, offset?: number): number;
    replicate(property: string): this;
  }
  export class Structure<T> extends Layout<T> {
    readonly fields: readonly Layout<unknown>[];
    offsetOf(property: string): number | undefined;
    layoutFor(property: string): Layout<unknown> | undefined;
  }
  export function u8(property?: string): Layout<number>;
  export function u16(property?: string): Layout<number>;
  export function u32(property?: string): Layout<number>;
  export function s32(property?: string): Layout<number>;
  export function nu64(property?: string): Layout<number>;
  export function blob(length: number, property?: string): Layout<Uint8Array>;
  export function seq<T>(element: Layout<T>, count: number, property?: string): Layout<T[]>;
  export function struct<T>(fields: readonly Layout<unknown>[], property?: string): Structure<T>;
}
