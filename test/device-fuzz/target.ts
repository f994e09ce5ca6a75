import type { FuzzMachine } from './fuzz-machine.js';
import type { Operation } from './operations.js';

/** A machine under test and what can be done to it. */
export interface Target {
  readonly machine: FuzzMachine;
  readonly operations: readonly Operation[];
  /** What must hold after a case besides what the machine checks. @throws DeviceFailure */
  readonly check?: () => void;
}

/** A fresh one for each case: what happens is what the case says. */
export type MakeTarget = () => Target;
