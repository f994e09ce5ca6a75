import { describe, expect, it } from 'vitest';
import { assemble } from './support/assemble.js';
import { TestMachine, longMode } from './support/machine.js';

const ORIGIN = 0x10_0000;

/** Runs assembled code in 64-bit mode until it writes to the debug exit port. @returns what it wrote */
function exitCode(source: string): number | undefined {
  const machine = new TestMachine();
  const exit = '.macro exit\n mov dx, 0xf4\n out dx, al\n 9: hlt\n jmp 9b\n.endm\n';
  machine.memory.write(ORIGIN, assemble(exit + source, ORIGIN));
  const state = longMode(machine.memory, { rip: BigInt(ORIGIN), rsp: 0x8_0000n });
  machine.vm.vcpus[0].setState({ ...state, activity: 'running' });
  expect(machine.run(10_000)).toBe('kicked');
  return machine.exitCode;
}

describe('code that is written to', () => {
  it('is seen by a branch that lies in two pages', () => {
    // Linux patches the returns of its functions so; here the branch has become a link by then.
    const source = `
        mov ebx, 4
      1: call branch
        dec ebx
        jnz 1b
        mov byte ptr [rip + target + 1], 7
        call branch
        exit
        .org 0xe00
      target:
        mov al, 1
        ret
        .org 0xffe
      branch:
        .byte 0xe9
        .long target - 1f
      1:
    `;
    expect(exitCode(source)).toBe(7);
  });

  it('is seen by the call whose own push writes it', () => {
    // The return address, 0x100100, goes to the CALL's last byte and the seven behind it: there they are ADD [RAX], EDX,
    // twice ADD [RAX], AL, and with the byte behind them ADD [RSI], CH.
    const source = `
        mov eax, 0x90000
        mov esi, eax
        xor r9d, r9d
        mov r8d, 4
      1: call again
        dec r8d
        jnz 1b
        mov bl, 7
        inc r9d
        mov esp, offset callee + 7
      again:
        jmp caller
        .org 0xfb
      caller:
        call callee
      callee:
        mov bl, 1
        .skip 5, 0x90
        cs nop
        test r9d, r9d
        jnz 1f
        add rsp, 8
        ret
      1:
        mov al, bl
        exit
    `;
    expect(exitCode(source)).toBe(7);
  });
});
