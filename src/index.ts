import { nodeHost } from './host/node-host.js';
import { Machine } from './vmm/machine/machine.js';
import type { MachineOptions } from './vmm/machine/options.js';

/**
 * Builds a machine around a kernel. It does not run before `run()`; give it back with `close()`, or declare it with
 * `await using`.
 * @throws ConfigError, ImageError, AcceleratorError
 */
export function createMachine(options: MachineOptions): Promise<Machine> {
  return Machine.create(options, nodeHost);
}

export * from './errors.js';
export { Monitor, type MonitorOptions } from './monitor/monitor.js';
export type { Machine, MachineStatus } from './vmm/machine/machine.js';
export { SerialWaitError, type SerialPort } from './vmm/machine/serial-port.js';
export type {
  CustomDevice,
  CustomDeviceContext,
  DeviceOption,
  FileSource,
  MachineOptions,
  ModuleOption,
} from './vmm/machine/options.js';
export type { AcceleratorChoice } from './vmm/machine/host.js';
export type { ConsoleOption } from './vmm/machine/console-options.js';
export type { GuestConsole } from './vmm/machine/guest-console.js';
export type { NetworkOption } from './vmm/machine/net-options.js';
export type { NetBackend, NetCard, Offload, OffloadSupport } from './net/backend.js';
export type { MachineInspection } from './vmm/machine/inspection.js';
export type { DiskOption } from './vmm/machine/disk-options.js';
export type { DeviceContext } from './vmm/machine/board.js';
export type { EndReason, RunEnd, RunResult } from './vmm/run-result.js';
export type { ProbeEvent, ProbeFilter } from './vmm/bus/probe.js';
export type { UnclaimedAccess } from './vmm/bus/bus.js';
export type { GuestMemory } from './vmm/memory/guest-memory.js';
export type { AccessSize, BusRange, BusTarget, Device, DeviceState, IrqLine, Power } from './vmm/device.js';
export type { InstructionCounting } from './vmm/instruction-time.js';
export type { Clock, Timer } from './vmm/clock.js';
export type * from './profile/format.js';
export { ProfileError } from './profile/profile-error.js';
export { readProfile } from './profile/profile-reader.js';
export { RecordingFile } from './profile/recording-file.js';
export type { Recording } from './profile/recording.js';
export type { RecordingOptions } from './profile/recording-options.js';
export type { VcpuState } from './vmm/vcpu-state.js';
export { RegisterBlock, type Register } from './devices/registers.js';
export { inspectHost, type HostReport, type KvmReport } from './host/inspect-host.js';
