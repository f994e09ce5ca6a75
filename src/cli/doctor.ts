import { readFileSync, readdirSync } from 'node:fs';
import { arch, cpus, freemem, platform, release, totalmem } from 'node:os';
import { Command } from 'commander';
import { TsvmmError } from '../errors.js';
import { calibrate } from '../vmm/kvm/calibrate.js';
import { KvmCap } from '../vmm/kvm/constants.js';
import { Kvm } from '../vmm/kvm/kvm.js';

/** Capabilities that tsvmm uses, in the order in which they are shown. */
const SHOWN = Object.keys(KvmCap).filter(name => Number.isNaN(Number(name))) as (keyof typeof KvmCap)[];

interface Finding {
  readonly title: string;
  readonly text: string;
}

export function doctorCommand(): Command {
  return new Command('doctor')
    .description(
      'Say what this host offers: KVM, its capabilities and speed, limits, and what --accel auto takes.',
    )
    .option('--kvm-device <path>', 'the KVM device', '/dev/kvm')
    .action(({ kvmDevice }: { readonly kvmDevice: string }) => {
      const findings = [...hostFindings(), ...kvmFindings(kvmDevice)];
      const width = Math.max(...findings.map(({ title }) => title.length));
      for (const { title, text } of findings) process.stdout.write(`${title.padEnd(width)}  ${text}\n`);
    });
}

function hostFindings(): Finding[] {
  const gib = (bytes: number): string => `${(bytes / 2 ** 30).toFixed(1)} GiB`;
  return [
    { title: 'host', text: `${platform()} ${release()}, ${arch()}, Node ${process.version}` },
    {
      title: 'processor',
      text: `${cpus()[0]?.model ?? 'unknown'}, ${cpus().length} CPUs${virtualizationFlag()}`,
    },
    { title: 'memory', text: `${gib(freemem())} free of ${gib(totalmem())}` },
  ];
}

/** What /proc/cpuinfo says of hardware virtualization, where there is one. */
function virtualizationFlag(): string {
  const info = read('/proc/cpuinfo');
  if (info === undefined) return '';
  const flags = /^flags\s*:(.*)$/m.exec(info)?.[1].split(' ') ?? [];
  if (flags.includes('vmx')) return ', Intel VT-x';
  if (flags.includes('svm')) return ', AMD-V';
  return ', no VT-x or AMD-V visible';
}

function kvmFindings(device: string): Finding[] {
  let kvm: Kvm;
  try {
    kvm = Kvm.open(device);
  } catch (error) {
    if (!(error instanceof TsvmmError)) throw error;
    return [
      { title: 'kvm', text: error.message },
      { title: 'auto', text: 'nothing: no accelerator works on this host' },
    ];
  }
  try {
    return [...capabilityFindings(kvm, device), ...speedFindings(device)];
  } finally {
    kvm.close();
  }
}

function capabilityFindings(kvm: Kvm, device: string): Finding[] {
  const modules = loadedModules();
  const capabilities = SHOWN.map(name => `${name}=${kvm.capability(KvmCap[name])}`);
  return [
    { title: 'kvm', text: `${device} works${modules.length > 0 ? ` (${modules.join(', ')})` : ''}` },
    { title: 'capabilities', text: capabilities.join(' ') },
    {
      title: 'limits',
      text: `${kvm.capability(KvmCap.NR_VCPUS)} vCPUs recommended, ${kvm.capability(KvmCap.MAX_VCPUS)} possible, ${kvm.capability(KvmCap.NR_MEMSLOTS)} memory slots`,
    },
  ];
}

function speedFindings(device: string): Finding[] {
  const { instructionsPerSecond, exitNs, hardware } = calibrate(device);
  const speed = `${Math.round(instructionsPerSecond / 1e6)} million guest instructions a second, ${Math.round(exitNs)} ns a port exit`;
  return hardware
    ? [
        { title: 'speed', text: `${speed}: the processor executes guest code itself` },
        { title: 'auto', text: 'kvm: it works, and at hardware speed' },
      ]
    : [
        {
          title: 'speed',
          text: `${speed}: no hardware virtualization is under this KVM, it emulates unmodified guests`,
        },
        { title: 'auto', text: 'kvm: it is slow here, but the only accelerator there is' },
      ];
}

function loadedModules(): string[] {
  try {
    return readdirSync('/sys/module').filter(name => /^kvm(_|$)/.test(name));
  } catch (error) {
    // No sysfs, as in some containers.
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
}

function read(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}
