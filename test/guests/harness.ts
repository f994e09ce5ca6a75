import { existsSync, readFileSync } from 'node:fs';
import { describe, test } from 'vitest';
import { createMachine, inspectHost, type MachineOptions, type RunResult } from 'tsvmm';
import { parseGuestOutput, type GuestReport } from './protocol.js';

const host = inspectHost();

/** True in the machine of `npm run test:kvm`. */
export const IN_QEMU = process.env['TSVMM_IN_QEMU'] !== undefined;

/** Inside QEMU it is KVM that is tested; a software CPU on a software CPU would only take its time. */
const SOFTWARE = IN_QEMU ? [] : (['wasm'] as const);

/** The accelerators on which guests can run here. */
export const ACCELERATORS = [...(host.kvm.usable ? (['kvm'] as const) : []), ...SOFTWARE];
export type TestAccelerator = (typeof ACCELERATORS)[number];

/**
 * For tests that are about something else than the accelerator. Not the software CPU inside QEMU 7.2: two threads with
 * its core crash Node there, within some twenty starts; with `-accel tcg,thread=single`, and on a processor, they did
 * not. A thread there may go on with code that another one has replaced.
 */
export const ANY_ACCELERATOR: TestAccelerator = IN_QEMU ? 'kvm' : 'wasm';

/** Why there is no KVM here, for the message of what is skipped. */
export const NO_KVM = host.kvm.usable ? undefined : host.kvm.why;

/** True where KVM has the processor execute guest code itself. Inside QEMU it does, however slow a busy host makes it. */
export const HARDWARE = host.kvm.usable && (IN_QEMU || host.kvm.speed.hardware);

/**
 * True where guests find what a processor does: a KVM without hardware virtualization knows no SSE, and is too slow
 * for Linux and OSv.
 */
export function faithful(accel: TestAccelerator): boolean {
  return accel === 'wasm' || HARDWARE;
}

/** Which checks of a guest's need not pass there: `onEmulatingKvm` where guests do not find what a processor does, else none. */
export function allowedToFail(accel: TestAccelerator, onEmulatingKvm: readonly string[]): readonly string[] {
  return faithful(accel) ? [] : onEmulatingKvm;
}

/** Why a real kernel is not booted where `faithful` says no. */
export const SLOW = 'this KVM has no hardware virtualization: real kernels run on it in npm run test:kvm';

/** A guest of guests/, built. */
export function guestPath(name: string): string {
  const path = new URL(`../../guests/build/${name}`, import.meta.url).pathname;
  if (!existsSync(path)) throw new Error(`${path} is missing: build the guests with npm run guests`);
  return path;
}

export interface GuestRun {
  readonly result: RunResult;
  readonly report: GuestReport;
  readonly text: string;
}

/** Boots a guest of guests/, runs it to its end and reads what it said. */
export async function runGuest(name: string, options: Omit<MachineOptions, 'kernel'>): Promise<GuestRun> {
  await using machine = await createMachine({ timeoutMs: 60_000, ...options, kernel: guestPath(name) });
  const result = await machine.run();
  const { text } = machine.serial;
  return { result, text, report: parseGuestOutput(text) };
}

/** Defines the same tests for each accelerator that the host has; says why where KVM is not one of them. */
export function onEachAccelerator(title: string, define: (accel: TestAccelerator) => void): void {
  describe(title, () => {
    for (const accel of ACCELERATORS) describe(accel, () => define(accel));
    if (NO_KVM !== undefined) test('kvm', ({ skip }) => skip(NO_KVM));
  });
}

/** The value of an environment variable that names a file, or how to get one. */
export function kernelFromEnvironment(
  variable: string,
  howToGet: string,
): { path: string } | { missing: string } {
  const path = process.env[variable];
  if (path === undefined || path === '') return { missing: `${variable} is not set: ${howToGet}` };
  readFileSync(path, { flag: 'r' });
  return { path };
}
