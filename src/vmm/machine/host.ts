import type { CableBuffers } from '../../net/cable.js';
import type { Interrupter } from '../doorbell.js';
import type { CheckedBackend } from './net-options.js';
import type { AcceleratorName, FromWorker, ToWorker, VcpuThreadSetup, WorkerSetup } from './protocol.js';

/** What a machine needs of the system that it runs on: Node, or a browser. */
export interface Host {
  /**
   * The bytes of a file. @param what what it is to the user: `kernel`, `initrd`, …
   * @throws ConfigError that says why it cannot be read
   */
  readFile(path: string, what: string): Promise<Uint8Array>;
  /** Starts the machine worker. */
  startMachine(setup: WorkerSetup): WorkerLink;
  /** Starts the thread of a further vCPU. */
  startVcpu(setup: VcpuThreadSetup): VcpuThread;
  /** How a thread inside the guest is interrupted from the control thread, where the doorbell's word is not enough. */
  interrupter(accelerator: AcceleratorName): Promise<Interrupter | undefined>;
  /** The accelerator that `auto` takes for a machine of this size. */
  chooseAccelerator(machine: {
    readonly cpus: number;
    readonly memoryBytes: number;
  }): Promise<AcceleratorChoice>;
  /**
   * Connects the far end of a network card's cable.
   * @throws ConfigError that says why that network cannot be had
   */
  connectNetwork(setup: NetworkSetup): Promise<NetworkConnection>;
  /** Calls `action` when the process is about to end; returns how to take that back. */
  onExit(action: () => void): () => void;
}

/** The far end of a cable. */
export interface NetworkSetup {
  readonly backend: CheckedBackend;
  /** Records the traffic in this file. */
  readonly pcap: string | undefined;
  readonly cable: CableBuffers;
  /** The machine's, and its accelerator: how it is woken. */
  readonly doorbell: SharedArrayBuffer;
  readonly accelerator: AcceleratorName;
}

export interface NetworkConnection {
  /** What fits through it, if it knows. */
  readonly mtu: number | undefined;
  /** A bell that wakes its thread. */
  readonly bell: SharedArrayBuffer;
  /** Lets go of it; the machine has ended. */
  close(): Promise<void>;
}

/** What executes the guest, and for what reason. */
export interface AcceleratorChoice {
  readonly name: AcceleratorName;
  /** For people, the middle of a sentence. */
  readonly why: string;
}

export interface WorkerLink {
  post(message: ToWorker): void;
  onMessage(listener: (message: FromWorker) => void): void;
  /** An error that the worker's own code met. */
  onError(listener: (error: Error) => void): void;
  /** Resolves when the thread has ended. */
  readonly exited: Promise<void>;
}

export interface VcpuThread {
  onError(listener: (error: Error) => void): void;
  readonly exited: Promise<void>;
}
