import { beforeEach, describe, expect, it } from 'vitest';
import { ConfigError } from '../../../src/errors.js';
import { Monitor } from '../../../src/monitor/monitor.js';
import type { Machine } from '../../../src/vmm/machine/machine.js';
import { GuestMemory } from '../../../src/vmm/memory/guest-memory.js';
import { generalRegisters, type Segment, type VcpuState } from '../../../src/vmm/vcpu-state.js';

const SEGMENT: Segment = { selector: 8, base: 0n, limit: 0xffff_ffff, attributes: 0xa09b, unusable: false };
const TABLE = { base: 0x500n, limit: 0x17 };

/** Protected mode without paging: linear addresses are physical ones. */
const STATE: VcpuState = {
  registers: generalRegisters({ rax: 0x1234n, rip: 0x10_0000n, rflags: 0x46n }),
  system: {
    ...{ cs: SEGMENT, ds: SEGMENT, es: SEGMENT, fs: SEGMENT, gs: SEGMENT, ss: SEGMENT, tr: SEGMENT },
    ldt: { ...SEGMENT, unusable: true },
    ...{ gdt: TABLE, idt: TABLE, cr0: 1n, cr2: 0n, cr3: 0n, cr4: 0n, cr8: 0n, efer: 0n, apicBase: 0n },
  },
  activity: 'halted',
};

/** What of a machine the commands use that are tested here. */
class FakeMachine {
  readonly cpus = 2;
  readonly memory = GuestMemory.allocate(4 << 20);
  readonly disks = [];
  readonly serialPorts = [{ name: 'com1' }];
  readonly consoles = [];
  readonly calls: string[] = [];
  status = 'running';

  vcpu(index = 0): Promise<VcpuState> {
    if (index >= this.cpus) return Promise.reject(new ConfigError(`there is no vCPU ${index}`));
    return Promise.resolve(STATE);
  }

  pause = () => {
    this.calls.push('pause');
    return Promise.resolve();
  };
  resume = () => void this.calls.push('resume');
  reset = () => void this.calls.push('reset');
  powerButton = () => void this.calls.push('power button');
  nmi = () => void this.calls.push('nmi');
}

let machine: FakeMachine;
let monitor: Monitor;

beforeEach(() => {
  machine = new FakeMachine();
  monitor = new Monitor(machine as unknown as Machine, { quit: () => void machine.calls.push('quit') });
});

describe('a monitor', () => {
  it('lists its commands, and the topics of info', async () => {
    const help = await monitor.execute('help');
    for (const word of ['info', 'x /FMT', 'xp /FMT', 'stop|s', 'cont|c', 'system_reset', 'nmi', 'quit|q']) {
      expect(help).toMatch(new RegExp(`^${word.replace(/[|/]/g, '\\$&')}.*\\S`, 'm'));
    }
    expect(await monitor.execute('help stop')).toBe('stop|s  pause the guest and its time\n');
    const topics = await monitor.execute('info');
    for (const topic of [
      'status',
      'registers',
      'cpus',
      'irq',
      'pic',
      'pci',
      'mtree',
      'queues',
      'block',
      'network',
    ]) {
      expect(topics).toMatch(new RegExp(`^info ${topic}`, 'm'));
    }
    expect(await monitor.execute('help info')).toBe(topics);
  });

  it.each([
    ['stop', 'pause'],
    ['s', 'pause'],
    ['  cont  ', 'resume'],
    ['c', 'resume'],
    ['system_reset', 'reset'],
    ['system_powerdown', 'power button'],
    ['nmi', 'nmi'],
    ['quit', 'quit'],
    ['q', 'quit'],
  ])('%j acts', async (line, call) => {
    expect(await monitor.execute(line)).toBe('');
    expect(machine.calls).toEqual([call]);
  });

  it.each([
    ['frobnicate', "unknown command: 'frobnicate' (help lists the commands)\n"],
    ['help frobnicate', "Error: unknown command: 'frobnicate'\n"],
    ['info frobnicate', "Error: there is no 'info frobnicate': info alone lists the topics\n"],
    ['constructor', "unknown command: 'constructor' (help lists the commands)\n"],
    ['cpu', 'Error: which vCPU? write cpu 0\n'],
    ['cpu 7', 'Error: there is no vCPU 7\n'],
    ['x', 'Error: which address? write 0x1000, $rip or $rsp+8\n'],
    ['x /0xb 0', 'Error: a command shows 1 to 65536 bytes\n'],
    ['x /99999xg 0', 'Error: a command shows 1 to 65536 bytes\n'],
    ['x /4i $rip', 'Error: instructions are not disassembled: write /8xb for their bytes\n'],
    ['info registers 3', 'Error: info registers takes -a, or nothing\n'],
    ['', ''],
    ['   ', ''],
  ])('%j answers in one line', async (line, answer) => {
    expect(await monitor.execute(line)).toBe(answer);
    expect(machine.calls).toEqual([]);
  });

  it('completes commands and topics', () => {
    expect(monitor.complete('system_')).toEqual(['system_reset', 'system_powerdown']);
    expect(monitor.complete('info p')).toEqual(['pic', 'pci']);
    expect(monitor.complete('x /4xb ')).toEqual([]);
  });
});

describe('x and xp', () => {
  beforeEach(() =>
    machine.memory.write(
      0x1000,
      Uint8Array.from({ length: 32 }, (_, i) => 0xf0 + i),
    ),
  );

  it.each([
    ['xp 0x1000', '0000000000001000: 0xf3f2f1f0\n'],
    ['x /2xw 0x1000', '0000000000001000: 0xf3f2f1f0 0xf7f6f5f4\n'],
    ['x/2xg 0x1000', '0000000000001000: 0xf7f6f5f4f3f2f1f0 0xfffefdfcfbfaf9f8\n'],
    ['xp /3db 0x1000', '0000000000001000: -16 -15 -14\n'],
    ['xp /1uh 0x1000', '0000000000001000: 61936\n'],
    ['xp /ob 0x1010', '0000000000001010: 00\n'],
    [
      'xp /18xb 0x1000',
      `0000000000001000: ${Array.from({ length: 16 }, (_, i) => `0x${(0xf0 + i).toString(16)}`).join(' ')}\n` +
        '0000000000001010: 0x00 0x01\n',
    ],
  ])('%s', async (line, answer) => {
    expect(await monitor.execute(line)).toBe(answer);
  });

  it('show characters', async () => {
    machine.memory.write(0x2000, new TextEncoder().encode('Hi\n'));
    expect(await monitor.execute('xp /3c 0x2000')).toBe("0000000000002000: 'H' 'i' '\\x0a'\n");
  });

  it('say where memory ends', async () => {
    const end = 4 << 20;
    expect(await monitor.execute(`xp /2xw ${end - 4}`)).toBe(
      '00000000003ffffc: 0x00000000\nCannot access memory at 0x400000\n',
    );
    expect(await monitor.execute('x /1xb 0xfee00000')).toBe('Cannot access memory at 0xfee00000\n');
    expect(await monitor.execute('xp /1xg -8')).toBe('Cannot access memory at 0xfffffffffffffff8\n');
  });
});

describe('info', () => {
  it('registers shows them as QEMU does', async () => {
    const answer = await monitor.execute('info registers');
    expect(answer).toContain('RAX=0000000000001234 RBX=0000000000000000');
    expect(answer).toContain('RIP=0000000000100000 RFL=00000046 [---Z-P-] CPL=0 halted');
    expect(answer).toContain('CS =0008 0000000000000000 ffffffff a09b');
    expect(answer).toContain('LDT=0008 0000000000000000 ffffffff unusable');
    expect(answer).toContain('GDT= 0000000000000500 00000017');
    const all = await monitor.execute('info registers -a');
    expect(all.match(/^CPU#\d$/gm)).toEqual(['CPU#0', 'CPU#1']);
  });

  it('cpus marks the one that was chosen', async () => {
    await monitor.execute('cpu 1');
    expect(await monitor.execute('info cpus')).toBe(
      '  CPU #0: halted rip=0x0000000000100000\n* CPU #1: halted rip=0x0000000000100000\n',
    );
  });

  it('tells what there is none of', async () => {
    expect(await monitor.execute('info block')).toBe('the machine has no disk\n');
    expect(await monitor.execute('info status')).toBe('VM status: running\n');
    expect(await monitor.execute('info chardev')).toBe('com1: serial port\n');
  });
});
