// The way into 64-bit long mode that all start files share, and the tables it needs.
//
// Guests run on emulated hosts too that execute one million instructions a second, so the page tables are made by the
// assembler and nothing is cleared by hand: from the entry point to C there are about thirty instructions.

#include "start/segments.h"

        .section .text.start, "ax", @progbits

// In:  32-bit protected mode, flat segments, paging off, interrupts off; EBX and EBP carry the arguments of boot_entry.
        .code32
        .globl  enter_long_mode
enter_long_mode:
        lgdt    gdt_pointer
        mov     $CR4_PAE, %eax
        mov     %eax, %cr4
        mov     $page_map, %eax
        mov     %eax, %cr3
        mov     $MSR_EFER, %ecx
        rdmsr
        or      $EFER_LME, %eax
        wrmsr
        mov     %cr0, %eax
        and     $~CR0_CACHE_OFF, %eax
        or      $(CR0_PG | CR0_PE), %eax
        mov     %eax, %cr0
        ljmp    $CODE64, $in_long_mode

// In:  64-bit long mode with tables of the loader's, which may be anywhere; RBX and RBP as above.
        .code64
        .globl  leave_loader_tables
leave_loader_tables:
        mov     $page_map, %eax
        mov     %rax, %cr3
        lgdt    gdt_pointer
        mov     $boot_stack_top, %rsp
        pushq   $CODE64
        pushq   $in_long_mode
        lretq

in_long_mode:
        mov     $DATA, %eax
        mov     %eax, %ds
        mov     %eax, %es
        mov     %eax, %ss
        xor     %eax, %eax
        mov     %eax, %fs
        mov     %eax, %gs
        mov     $boot_stack_top, %rsp
        mov     %rbx, %rdi
        mov     %rbp, %rsi
        xor     %ebp, %ebp
        cld
        call    boot_entry
1:      cli
        hlt
        jmp     1b

        .section .data.gdt, "aw", @progbits
        .balign 8
        .globl  gdt
gdt:    .quad   0
        .quad   0x00af9b000000ffff      // CODE64
        .quad   0x00cf93000000ffff      // DATA
        .quad   0x00cf9b000000ffff      // CODE32
gdt_end:
        .globl  gdt_pointer
gdt_pointer:
        .word   gdt_end - gdt - 1
        .quad   gdt

// Identity map of the first 4 GiB with 2 MiB pages. Present, writable; Accessed and Dirty are set beforehand so
// that the processor never needs to write to the tables.
        .section .page-tables, "aw", @progbits
        .balign 4096
        .globl  page_map
page_map:
        .quad   page_directory_pointers + PTE_TABLE
        .fill   511, 8, 0
        .globl  page_directory_pointers
page_directory_pointers:
        .set    index, 0
        .rept   4
        .quad   page_directories + index * 4096 + PTE_TABLE
        .set    index, index + 1
        .endr
        .fill   508, 8, 0
page_directories:
        .set    index, 0
        .rept   4 * 512
        .quad   index * 0x200000 + PTE_LARGE
        .set    index, index + 1
        .endr

        .section .bss.boot_stack, "aw", @nobits
        .balign 16
        .skip   16384
boot_stack_top:
