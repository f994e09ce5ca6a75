import { readFileSync } from 'node:fs';

/** What the processor is that the tests run on. */

const cpuinfo =
  process.platform === 'linux' && process.arch === 'x64' ? readFileSync('/proc/cpuinfo', 'latin1') : '';

/** Whether native.c runs here: x86-64 Linux with FSGSBASE, and SSE4.2. */
export const nativeAvailable = ['fsgsbase', 'sse4_2', 'popcnt'].every(flag => cpuinfo.includes(` ${flag}`));

/** Where Intel leaves something open, the core does as AMD's processors do. */
export const nativeIsAmd = cpuinfo.includes('AuthenticAMD');

/** Whether RCPxx and RSQRTxx have the core's tables: those of Zen 5. */
export const nativeApproximatesAlike = nativeIsAmd && /^cpu family\t: 26$/m.test(cpuinfo);
