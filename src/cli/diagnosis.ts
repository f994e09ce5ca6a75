import { readFileSync, readdirSync } from 'node:fs';
import { arch, cpus, freemem, platform, release, totalmem } from 'node:os';
import { chooseAccelerator, formatMillions } from '../host/choose-accelerator.js';
import { inspectKvm, type KvmReport } from '../host/inspect-host.js';
import type { Calibration } from '../vmm/kvm/calibrate.js';
import { KvmCap } from '../vmm/kvm/constants.js';
import { Kvm } from '../vmm/kvm/kvm.js';
import type { AcceleratorChoice } from '../vmm/machine/host.js';

/** What the processor says about itself. */
type Virtualization = 'Intel VT-x' | 'AMD-V';

export interface HostDiagnosis {
  readonly platform: string;
  readonly release: string;
  readonly arch: string;
  readonly node: string;
  readonly processor: string;
  readonly cpus: number;
  /** `null` when none is visible, as inside most virtual machines. */
  readonly virtualization: Virtualization | null;
  /** In bytes. */
  readonly memory: { readonly total: number; readonly free: number };
}

export interface KvmDiagnosis {
  readonly device: string;
  /** Why it cannot be used and what to do about it; `null` when it can. */
  readonly problem: string | null;
  /** Kernel modules of KVM that are loaded. */
  readonly modules: readonly string[];
  /** Capabilities that tsvmm looks at, by their names without `KVM_CAP_`. */
  readonly capabilities?: Readonly<Record<string, number>>;
  readonly limits?: {
    readonly recommendedVcpus: number;
    readonly maxVcpus: number;
    readonly memorySlots: number;
  };
  /** What it really does with guest code. */
  readonly speed?: Calibration;
}

export interface Diagnosis {
  readonly host: HostDiagnosis;
  readonly kvm: KvmDiagnosis;
  /** What `--accel auto` takes. */
  readonly auto: AcceleratorChoice;
}

/** Looks at the host. */
export function diagnose(kvmDevice: string): Diagnosis {
  const report = inspectKvm(kvmDevice);
  return { host: diagnoseHost(), kvm: diagnoseKvm(kvmDevice, report), auto: chooseAccelerator(report) };
}

function diagnoseHost(): HostDiagnosis {
  const processors = cpus();
  return {
    platform: platform(),
    release: release(),
    arch: arch(),
    node: process.version,
    processor: processors[0]?.model.trim() || 'unknown',
    cpus: processors.length,
    virtualization: virtualization(),
    memory: { total: totalmem(), free: freemem() },
  };
}

function diagnoseKvm(device: string, report: KvmReport): KvmDiagnosis {
  const modules = loadedModules();
  if (!report.usable) return { device, problem: report.why, modules };
  const kvm = Kvm.open(device);
  try {
    return {
      device,
      problem: null,
      modules,
      capabilities: Object.fromEntries(CAPABILITIES.map(name => [name, kvm.capability(KvmCap[name])])),
      limits: {
        recommendedVcpus: kvm.capability(KvmCap.NR_VCPUS),
        maxVcpus: kvm.capability(KvmCap.MAX_VCPUS),
        memorySlots: kvm.capability(KvmCap.NR_MEMSLOTS),
      },
      speed: report.speed,
    };
  } finally {
    kvm.close();
  }
}

/** The enumeration's names; TypeScript puts the values among its keys, too. */
const CAPABILITIES = Object.keys(KvmCap).filter(name =>
  Number.isNaN(Number(name)),
) as (keyof typeof KvmCap)[];

/** What /proc/cpuinfo says of hardware virtualization, where there is one. */
function virtualization(): Virtualization | null {
  const info = unlessMissing(() => readFileSync('/proc/cpuinfo', 'utf8')) ?? '';
  const flags = /^flags\s*:(.*)$/m.exec(info)?.[1].split(' ') ?? [];
  if (flags.includes('vmx')) return 'Intel VT-x';
  return flags.includes('svm') ? 'AMD-V' : null;
}

function loadedModules(): string[] {
  // No sysfs, as in some containers.
  const modules = unlessMissing(() => readdirSync('/sys/module')) ?? [];
  return modules.filter(name => /^kvm(_|$)/.test(name));
}

function unlessMissing<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch (error) {
    if (['ENOENT', 'EACCES'].includes((error as NodeJS.ErrnoException).code ?? '')) return undefined;
    throw error;
  }
}

/** The diagnosis as text for people, several lines, ending in a newline. */
export function formatDiagnosis({ host, kvm, auto }: Diagnosis): string {
  const rows = [...hostRows(host), ...kvmRows(kvm), ['auto', `${auto.name}, since ${auto.why}`]];
  const width = Math.max(...rows.map(([title]) => title.length));
  return rows.map(([title, text]) => `${title.padEnd(width)}  ${text}\n`).join('');
}

type Row = [title: string, text: string];

function hostRows({ memory, ...host }: HostDiagnosis): Row[] {
  const gib = (bytes: number): string => `${(bytes / 2 ** 30).toFixed(1)} GiB`;
  return [
    ['host', `${host.platform} ${host.release}, ${host.arch}, Node ${host.node}`],
    [
      'processor',
      `${host.processor}, ${host.cpus} CPUs, ${host.virtualization ?? 'no VT-x or AMD-V visible'}`,
    ],
    ['memory', `${gib(memory.free)} free of ${gib(memory.total)}`],
  ];
}

function kvmRows({ device, problem, modules, capabilities, limits, speed }: KvmDiagnosis): Row[] {
  const loaded = modules.length > 0 ? ` (${modules.join(', ')})` : '';
  const rows: Row[] = [['kvm', problem ?? `${device} works${loaded}`]];
  if (capabilities) {
    const values = Object.entries(capabilities).map(([name, value]) => `${name}=${value}`);
    rows.push(['capabilities', values.join(' ')]);
  }
  if (limits) {
    const { recommendedVcpus, maxVcpus, memorySlots } = limits;
    rows.push([
      'limits',
      `${recommendedVcpus} vCPUs recommended, ${maxVcpus} possible, ${memorySlots} memory slots`,
    ]);
  }
  if (speed) rows.push(['speed', formatSpeed(speed)]);
  return rows;
}

function formatSpeed({ instructionsPerSecond, exitNs, hardware }: Calibration): string {
  const why = hardware
    ? 'the processor executes guest code itself'
    : 'no hardware virtualization is under this KVM, it emulates unmodified guests';
  return `${formatMillions(instructionsPerSecond)} million guest instructions a second, ${Math.round(exitNs)} ns a port exit: ${why}`;
}
