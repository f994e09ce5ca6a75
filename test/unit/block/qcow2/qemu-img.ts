import { spawnSync } from 'node:child_process';

/** qemu-img, the oracle of these tests. */
export const NO_QEMU_IMG =
  spawnSync('qemu-img', ['--version']).status === 0 ? undefined : 'qemu-img is not installed';

/** @throws Error with what it said, for a status that is not expected */
export function qemuImg(args: readonly string[], statuses: readonly number[] = [0]): string {
  const { status, stdout, stderr } = spawnSync('qemu-img', args, { encoding: 'utf8' });
  if (status === null || !statuses.includes(status)) {
    throw new Error(`qemu-img ${args.join(' ')}: status ${String(status)}\n${stdout}${stderr}`);
  }
  return stdout;
}

export interface CheckResult {
  readonly corruptions: number;
  readonly leaks: number;
}

/** What `qemu-img check` finds; corrupt images are for the caller to refuse. */
export function checkImage(path: string): CheckResult {
  const report = JSON.parse(qemuImg(['check', '--output=json', path], [0, 2, 3])) as Record<string, number>;
  return {
    corruptions: (report.corruptions ?? 0) + (report['check-errors'] ?? 0),
    leaks: report.leaks ?? 0,
  };
}
