// An ELF32 that is told nothing: 32-bit protected mode, flat segments, paging off.

        .section .text.start, "ax", @progbits
        .code32
        .globl  start
start:
        cli
        jmp     enter_long_mode
