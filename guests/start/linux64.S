// An ELF entered as Linux's 64-bit boot protocol enters a kernel: long mode with an identity map of the loader's,
// RSI = boot_params (Linux: Documentation/arch/x86/boot.rst, "64-bit Boot Protocol").

#include "start/linux.h"

        .section .text.start, "ax", @progbits
        .code64
        .globl  start
start:
        cli
        mov     %rsi, %rbx
        mov     $LINUX_ELF, %ebp
        jmp     leave_loader_tables
