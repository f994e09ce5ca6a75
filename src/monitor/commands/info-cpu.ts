import type { Segment, VcpuState } from '../../vmm/vcpu-state.js';
import type { Machine } from '../../vmm/machine/machine.js';
import { MonitorError, type MonitorCommand } from '../command.js';
import { hex64, hexDigits } from '../format.js';

/** Bits of RFLAGS with their letters, highest first, as QEMU has them. */
const FLAGS: readonly (readonly [bit: bigint, letter: string])[] = [
  [0x400n, 'D'],
  [0x800n, 'O'],
  [0x80n, 'S'],
  [0x40n, 'Z'],
  [0x10n, 'A'],
  [0x4n, 'P'],
  [0x1n, 'C'],
];

/** Every vCPU's state, in their order: they are told apart by where the machine says there is none. */
async function allVcpus(machine: Machine): Promise<VcpuState[]> {
  return Promise.all(Array.from({ length: machine.cpus }, (_, index) => machine.vcpu(index)));
}

export function registerLines({ registers, system, activity }: VcpuState): string[] {
  const register = (name: keyof typeof registers): string =>
    `${name.toUpperCase().padEnd(3)}=${hex64(registers[name])}`;
  const flags = FLAGS.map(([bit, letter]) => ((registers.rflags & bit) !== 0n ? letter : '-')).join('');
  const cpl = (system.cr0 & 1n) === 0n ? 0 : (system.ss.attributes >> 5) & 3;
  const control = (name: 'cr0' | 'cr2' | 'cr3' | 'cr4' | 'cr8'): string =>
    `${name.toUpperCase()}=${hex64(system[name])}`;
  return [
    (['rax', 'rbx', 'rcx', 'rdx'] as const).map(register).join(' '),
    (['rsi', 'rdi', 'rbp', 'rsp'] as const).map(register).join(' '),
    (['r8', 'r9', 'r10', 'r11'] as const).map(register).join(' '),
    (['r12', 'r13', 'r14', 'r15'] as const).map(register).join(' '),
    `RIP=${hex64(registers.rip)} RFL=${hexDigits(registers.rflags, 8)} [${flags}] CPL=${cpl} ${activity}`,
    ...(['es', 'cs', 'ss', 'ds', 'fs', 'gs', 'ldt', 'tr'] as const).map(name =>
      segmentLine(name, system[name]),
    ),
    `GDT= ${hex64(system.gdt.base)} ${hexDigits(system.gdt.limit, 8)}`,
    `IDT= ${hex64(system.idt.base)} ${hexDigits(system.idt.limit, 8)}`,
    (['cr0', 'cr2', 'cr3'] as const).map(control).join(' '),
    [control('cr4'), control('cr8'), `EFER=${hex64(system.efer)}`].join(' '),
  ];
}

function segmentLine(name: string, { selector, base, limit, attributes, unusable }: Segment): string {
  const hidden = unusable ? 'unusable' : hexDigits(attributes, 4);
  return `${name.toUpperCase().padEnd(3)}=${hexDigits(selector, 4)} ${hex64(base)} ${hexDigits(limit, 8)} ${hidden}`;
}

export const CPU_TOPICS: readonly MonitorCommand[] = [
  {
    name: 'registers',
    parameters: '[-a]',
    help: 'registers of the chosen vCPU, with -a of all',
    run: async (words, { machine, cpu }) => {
      if (words.length > 0 && words[0] !== '-a')
        throw new MonitorError('info registers takes -a, or nothing');
      if (words.length === 0) return registerLines(await machine.vcpu(cpu));
      const states = await allVcpus(machine);
      return states.flatMap((state, index) => [
        ...(index > 0 ? [''] : []),
        `CPU#${index}`,
        ...registerLines(state),
      ]);
    },
  },
  {
    name: 'cpus',
    help: 'what each vCPU does; * is the chosen one',
    run: async (_, { machine, cpu }) =>
      (await allVcpus(machine)).map(
        ({ activity, registers }, index) =>
          `${index === cpu ? '*' : ' '} CPU #${index}: ${activity} rip=0x${hex64(registers.rip)}`,
      ),
  },
];
