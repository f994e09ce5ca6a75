// Multiboot 1: 32-bit protected mode, paging off, EAX = 0x2BADB002, EBX = address of the information structure
// (Multiboot Specification 0.6.96, 3.2). The Makefile wraps the image as ELF32, which is what loaders take.

#define MAGIC 0x1BADB002
#define FLAGS 3                         // modules on page boundaries; memory information

        .section .head, "ax", @progbits
        .balign 4
        .long   MAGIC, FLAGS, -(MAGIC + FLAGS)

        .code32
        .globl  start
start:
        cli
        mov     %eax, %ebp
        jmp     enter_long_mode
