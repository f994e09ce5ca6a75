// Multiboot 1 for guests of 32 bits: protected mode with segments of their own, paging off (Multiboot Specification
// 0.6.96, 3.2). EAX = 0x2BADB002, EBX = address of the information structure.

#include "start/segments.h"

#define MAGIC 0x1BADB002
#define FLAGS 3                         // modules on page boundaries; memory information

        .section .head, "ax", @progbits
        .balign 4
        .long   MAGIC, FLAGS, -(MAGIC + FLAGS)

        .globl  start
start:
        cli
        lgdt    gdt_pointer
        ljmp    $CODE32, $1f
1:      mov     $DATA, %ecx
        mov     %ecx, %ds
        mov     %ecx, %es
        mov     %ecx, %fs
        mov     %ecx, %gs
        mov     %ecx, %ss
        mov     $boot_stack_top, %esp
        xor     %ebp, %ebp
        cld
        // boot_entry(uint64_t address, uint64_t magic)
        pushl   $0
        pushl   %eax
        pushl   $0
        pushl   %ebx
        call    boot_entry
2:      cli
        hlt
        jmp     2b

        .section .data.gdt, "aw", @progbits
        .balign 8
gdt:    .quad   0, 0
        .quad   0x00cf93000000ffff      // DATA
        .quad   0x00cf9b000000ffff      // CODE32
gdt_end:
gdt_pointer:
        .word   gdt_end - gdt - 1
        .long   gdt

        .section .bss.boot_stack, "aw", @nobits
        .balign 16
        .skip   16384
boot_stack_top:
