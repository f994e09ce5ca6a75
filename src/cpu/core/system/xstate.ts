import * as L from '../layout';

/** x87 and SSE; AVX comes with x86-64-v3. */
export const XCR0_SUPPORTED: u64 = 3;
export function defineXstate(): void {}
