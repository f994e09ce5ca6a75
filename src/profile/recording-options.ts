import { ConfigError } from '../errors.js';
import { STACK_MODES, type StackMode } from './format.js';

/** What is recorded of a machine's run. */
export interface RecordingOptions {
  /** Call stacks: of some exits of each origin (`sampled`, the default), of `all`, of `none`. */
  readonly stacks?: StackMode;
  /** The guest waits where events are not taken out in time; by default some are lost then, and counted. */
  readonly lossless?: boolean;
  /** On the software CPU, instructions between two samples of a vCPU's code; 0, the default, for none. */
  readonly samplePeriod?: number;
  /**
   * Files besides the kernel's that call stacks are read by, or their contents: ELF files that are linked as the kernel is and have
   * call frame information (.eh_frame, .debug_frame) or Linux' ORC tables; those with symbols, and a System.map, tell where Linux
   * has moved itself to.
   */
  readonly debugFiles?: readonly (string | Uint8Array)[];
}

/** Fewer would be more samples than code. */
const SHORTEST_PERIOD = 1000;
const LONGEST_PERIOD = 1e12;

/** @throws ConfigError for what makes no sense */
export function checkRecording({
  recording,
  accel,
}: {
  readonly recording?: RecordingOptions;
  readonly accel?: string;
}): void {
  if (!recording) return;
  const { stacks = 'sampled', samplePeriod = 0, debugFiles = [] } = recording;
  if (!STACK_MODES.includes(stacks))
    throw new ConfigError(`stacks must be one of ${STACK_MODES.join(', ')}, not '${stacks as string}'`, {
      stacks,
    });
  if (!Array.isArray(debugFiles) || !debugFiles.every(isSource))
    throw new ConfigError('debugFiles must be a list of paths or of contents of files');
  if (samplePeriod === 0) return;
  if (!Number.isInteger(samplePeriod) || samplePeriod < SHORTEST_PERIOD || samplePeriod > LONGEST_PERIOD)
    throw new ConfigError(
      `samplePeriod must be 0 or ${SHORTEST_PERIOD} to ${LONGEST_PERIOD}, not ${samplePeriod}`,
    );
  if (accel === 'kvm')
    throw new ConfigError('samples of guest code need accel wasm: KVM does not count instructions');
}

function isSource(file: unknown): boolean {
  return typeof file === 'string' || file instanceof Uint8Array;
}
