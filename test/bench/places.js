import { fileURLToPath } from 'node:url';

/** @param {string} path from the repository's root */
const place = path => fileURLToPath(new URL(`../../${path}`, import.meta.url));

/** The command, as a user starts it. */
export const CLI = place('dist/bundle/main.js');

/**
 * A guest's kernel.
 * @param {'exits' | 'hello' | 'idle' | 'compute' | 'compute-i386'} name
 */
export const guest = name => place(`guests/build/${name}.elf`);

/** Source of the C loop, and where it is built. */
export const EXIT_LOOP_SOURCE = place('test/bench/exit-loop.c');
export const EXIT_LOOP = place('guests/build/exit-loop');

/** Both sides of each comparison have as much RAM. */
export const MEMORY_MIB = 256;
