import type { Clause } from '../clause.js';
import { PC_DEVICE } from './chips-device.js';
import { PC_DRIVER } from './chips-driver.js';

/** What the data sheets of a PC's chips ask of them, and of their drivers. */
export const PC_CLAUSES: readonly Clause[] = [...PC_DRIVER, ...PC_DEVICE];
