import { describe, expect, it } from 'vitest';
import { ConfigError, AcceleratorError } from '../../../src/errors.js';
import * as L from '../../../src/cpu/core/layout.js';
import { CORE_RESERVE, WasmAccelerator } from '../../../src/cpu/wasm-accelerator.js';
import { MachineClock } from '../../../src/vmm/clock.js';
import { Doorbell } from '../../../src/vmm/doorbell.js';
import { GuestMemory } from '../../../src/vmm/memory/guest-memory.js';
import { assemble } from './support/assemble.js';
import { TestMachine, longMode } from './support/machine.js';

const ORIGIN = 0x10_0000;
const STACK = 0x8_0000n;

/** A machine whose vCPU 0 starts in 64-bit mode at assembled code. `exit` writes AL to the debug exit port. */
function start(source: string, options: { cpus?: number } = {}): TestMachine {
  const machine = new TestMachine(options);
  const exit = '.macro exit\n mov dx, 0xf4\n out dx, al\n 9: hlt\n jmp 9b\n.endm\n';
  machine.memory.write(ORIGIN, assemble(exit + source, ORIGIN));
  const state = longMode(machine.memory, { rip: BigInt(ORIGIN), rsp: STACK });
  machine.vm.vcpus[0].setState({ ...state, activity: 'running' });
  return machine;
}

/** Sets up a 64-bit IDT at 0x4000 with a GDT at 0x5000 whose selector 0x10 is 64-bit code. */
const TABLES = `
  .macro gate vector, handler
    lea rax, [rip + \\handler]
    mov rbx, 0x4000 + \\vector * 16
    mov word ptr [rbx], ax
    mov word ptr [rbx + 2], 0x10
    mov word ptr [rbx + 4], 0x8e00
    shr rax, 16
    mov [rbx + 6], ax
    shr rax, 16
    mov [rbx + 8], eax
  .endm
  .macro tables
    mov rax, 0x00209a0000000000
    mov [0x5010], rax
    mov rax, 0x0000920000000000
    mov [0x5018], rax
    mov word ptr [0x5100], 0x1f
    mov qword ptr [0x5102], 0x5000
    lgdt [0x5100]
    mov word ptr [0x5110], 0xfff
    mov qword ptr [0x5112], 0x4000
    lidt [0x5110]
  .endm
`;

describe('WasmVm', () => {
  it('runs code until the guest exits, and counts instructions exactly', () => {
    const machine = start('mov ecx, 1000\n 1: dec ecx\n jnz 1b\n mov al, 7\n exit');
    expect(machine.run(1000)).toBe('kicked');
    expect(machine.exitCode).toBe(7);
    // mov, 1000 times two, mov, mov, out; the hlt behind is not reached before the kick is seen, or is.
    expect(machine.vm.instructions).toBeGreaterThanOrEqual(2004);
    expect(machine.vm.instructions).toBeLessThanOrEqual(2006);
  });

  it('executes an instruction that the one before it in the same block has written', () => {
    const machine = start('mov byte ptr [rip + 1f + 1], 42\n 1: mov al, 1\n exit');
    machine.run(1000);
    expect(machine.exitCode).toBe(42);
  });

  it('throws away just the blocks that a write hits', () => {
    // A counter lies in the page of the loop, in another 64-byte piece.
    const machine = start(
      'mov ecx, 10000\n 1: inc dword ptr [rip + counter]\n dec ecx\n jnz 1b\n exit\n .balign 64\n counter: .long 0',
    );
    machine.run(1000);
    expect(machine.vm.blockStatistics.invalidated).toBe(0);
    expect(machine.vm.blockStatistics.decoded).toBeLessThan(10);
  });

  it('decodes anew what a device has written over', () => {
    const machine = start('1: mov al, 1\n mov dx, 0x80\n out dx, al\n cmp al, 1\n je 1b\n exit');
    machine.ports.set(0x80, () => machine.memory.write8(ORIGIN + 1, 9));
    machine.run(1000);
    expect(machine.exitCode).toBe(9);
  });

  it('decodes anew what a device has written over with a view, in the running block and across pages', () => {
    const machine = start(`
      jmp 1f
      .balign 4096
      .skip 4090
      1: mov al, 1
      mov dx, 0x80
      mov bl, 1
      mov rsi, 0xe0000000
      mov [rsi], eax
      mov bl, 1
      out dx, al
      cmp al, 1
      je 1b
      add al, bl
      exit`);
    const code = ORIGIN + 2 * 4096 - 6;
    const patch = (offset: number): void => {
      machine.memory.bytes(code, 64)[offset] = 40;
      machine.memory.written(code, 64);
    };
    // The immediate operands of the second MOV BL, behind the access in its block, and of MOV AL.
    const second = machine.memory.bytes(code, 64).lastIndexOf(0xb3) + 1;
    machine.onMmio = () => patch(second);
    machine.ports.set(0x80, () => patch(1));
    machine.run(1000);
    expect(machine.exitCode).toBe(80);
  });

  it('delivers a page fault with its address and error code, and goes on with the same instruction', () => {
    const machine = start(`${TABLES}
      tables
      gate 14, handler
      mov rax, 0x123456789000
      mov dword ptr [rax + 8], 5
      mov al, cl
      exit
      handler:
        pop rbx
        mov rdx, cr2
        mov rsi, 0x123456789008
        cmp rdx, rsi
        jne 2f
        mov ecx, ebx
        mov rax, 0x5800
        2: iretq`);
    machine.run(1000);
    // Write to a page that is not present.
    expect(machine.exitCode).toBe(2);
    expect(machine.memory.read32(0x5808)).toBe(5);
  });

  it('wakes from HLT by the local APIC timer', () => {
    const machine = start(`${TABLES}
      tables
      gate 0x40, handler
      mov rbx, 0xfee00000
      mov dword ptr [rbx + 0xf0], 0x1ff
      mov dword ptr [rbx + 0x320], 0x40
      mov dword ptr [rbx + 0x3e0], 0xb
      mov dword ptr [rbx + 0x380], 1000000
      sti
      hlt
      mov al, cl
      exit
      handler:
        mov cl, 99
        mov dword ptr [rbx + 0xb0], 0
        iretq`);
    machine.run(2000);
    expect(machine.exitCode).toBe(99);
  });

  it('says that a vCPU sleeps for good, or only until an interrupt', () => {
    expect(start('cli\n hlt').run(20)).toBe('halted-masked');
    expect(start('sti\n hlt').run(20)).toBe('halted');
  });

  it('stops at a triple fault and says where', () => {
    const machine = start('ud2');
    expect(machine.run(1000)).toBe('shutdown');
    expect(machine.vm.failure).toMatchObject({ reason: 'triple fault', details: { rip: BigInt(ORIGIN) } });
  });

  it('returns at its deadline and when the doorbell rings', () => {
    const machine = start('1: jmp 1b');
    expect(machine.run(5)).toBe('slice');
    machine.doorbell.ring();
    expect(machine.run(1000)).toBe('kicked');
  });

  it('starts a further vCPU by INIT and SIPI, in real mode', () => {
    const machine = start(
      `mov rbx, 0xfee00000
       mov dword ptr [rbx + 0xf0], 0x1ff
       mov dword ptr [rbx + 0x310], 0x01000000
       mov dword ptr [rbx + 0x300], 0x4500
       mov dword ptr [rbx + 0x300], 0x4608
       1: pause
       mov eax, [0x9000]
       test eax, eax
       jz 1b
       exit`,
      { cpus: 2 },
    );
    machine.memory.write(
      0x8000,
      assemble('.code16\n mov ax, 0\n mov ds, ax\n mov word ptr [0x9000], 77\n cli\n hlt', 0x8000),
    );
    machine.run(2000);
    expect(machine.exitCode).toBe(77);
    expect(machine.vm.vcpus[1].activity()).toBe('halted');
  });

  it('keeps model-specific and vector registers over INIT, and nothing else', () => {
    const machine = start(
      `mov rbx, 0xfee00000
       mov dword ptr [rbx + 0xf0], 0x1ff
       mov dword ptr [rbx + 0x310], 0x01000000
       mov dword ptr [rbx + 0x300], 0x4500
       mov dword ptr [rbx + 0x300], 0x4608
       1: pause
       cmp word ptr [0x9000], 1
       jne 1b
       mov dword ptr [rbx + 0x300], 0x4500
       exit`,
      { cpus: 2 },
    );
    machine.memory.write(
      0x8000,
      assemble(
        `.code16
         mov ecx, 0xc0000082
         mov eax, 0x12345678
         xor edx, edx
         wrmsr
         mov eax, 0x600
         mov cr4, eax
         mov eax, 77
         movd xmm3, eax
         xor ax, ax
         mov ds, ax
         mov word ptr [0x9000], 1
         1: pause
         jmp 1b`,
        0x8000,
      ),
    );
    machine.run(2000);
    const { fields } = machine.vm.vcpus[1];
    expect(machine.vm.vcpus[1].activity()).toBe('waiting-for-sipi');
    expect(fields.get64(L.MSR_LSTAR)).toBe(0x1234_5678n);
    expect(fields.get32(L.VECTORS + 3 * L.VECTOR_SIZE)).toBe(77);
    expect(fields.get64(L.CR4)).toBe(0n);
    expect(fields.get64(L.RIP)).toBe(0xfff0n);
  });

  it('begins anew when the first processor sends INIT to itself', () => {
    const machine = start(
      `mov rbx, 0xfee00000
       mov dword ptr [rbx + 0x310], 0
       mov dword ptr [rbx + 0x300], 0x4500
       1: jmp 1b`,
    );
    machine.run(20);
    // There is no firmware at the reset vector; but it has gone there.
    expect(machine.vm.vcpus[0].activity()).toBe('running');
    // CD and NW stay as they were.
    expect(machine.vm.vcpus[0].fields.get64(L.CR0)).toBe(0x10n);
    expect(machine.vm.vcpus[0].fields.get64(L.EFER)).toBe(0n);
  });

  it('answers VMCALL and VMMCALL as KVM does, in 64 bits', () => {
    const machine = start(
      `mov eax, 1
       vmcall
       mov rbx, rax
       mov eax, 12345
       vmmcall
       cmp rax, -1000
       setne al
       add al, bl
       exit`,
    );
    machine.run(1000);
    expect(machine.exitCode).toBe(0);
  });

  it('goes on counting time from where the guest sets the counter', () => {
    const machine = start(
      `mov ecx, 0x10
       mov eax, 0x1000
       mov edx, 0x7
       wrmsr
       rdtsc
       mov ebx, edx
       mov ecx, 0x3b
       rdmsr
       mov al, bl
       or al, dl
       exit`,
    );
    machine.run(1000);
    // The adjustment is a little less than what was written.
    expect(machine.exitCode).toBe(7 | 6);
  });

  it('reads device memory in the middle of an instruction and outside RAM only', () => {
    const machine = start('mov rbx, 0xe0000000\n add dword ptr [rbx + 4], 1\n mov al, 3\n exit');
    machine.run(1000);
    expect(machine.mmio).toEqual([
      { gpa: 0xe000_0004, size: 4 },
      { gpa: 0xe000_0004, size: 4, value: 0 },
    ]);
  });

  it('gives back the state that it was given', () => {
    const machine = new TestMachine();
    const [vcpu] = machine.vm.vcpus;
    const state = longMode(machine.memory, { rip: 0x1234n, rax: 0xffff_ffff_ffff_ffffn, rflags: 0x8d7n });
    vcpu.setState({ ...state, activity: 'halted' });
    expect(vcpu.getState()).toMatchObject({ ...state, activity: 'halted' });
  });

  it('refuses memory and vCPUs that it cannot have', () => {
    const create = (memory: GuestMemory, cpus: number): unknown =>
      new WasmAccelerator().createVm({
        memory,
        cpus,
        handlers: new TestMachine().vm.handlers,
        clock: new MachineClock({ elapsed: () => 0, epoch: 0 }),
        doorbell: Doorbell.allocate(),
      });
    expect(() => create(GuestMemory.allocate(4 << 20), 1)).toThrow(AcceleratorError);
    expect(() => create(GuestMemory.allocate(4 << 20, CORE_RESERVE), 65)).toThrow(ConfigError);
  });
});
