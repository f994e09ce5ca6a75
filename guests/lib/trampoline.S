// Where a started CPU begins: real mode at 0x8000, to which lib/smp.c copies this. It has to work at any page.

#include "start/segments.h"

#define AP_STACK_SHIFT 12

        .section .text.trampoline, "ax", @progbits
        .code16
        .globl  trampoline_start, trampoline_end
trampoline_start:
        cli
        mov     %cs, %ax
        mov     %ax, %ds
        lgdtl   ap_gdt_pointer - trampoline_start
        mov     %cr0, %eax
        or      $CR0_PE, %eax
        mov     %eax, %cr0
        ljmpl   $CODE32, $ap_protected_mode
        .balign 4
ap_gdt_pointer:
        .word   4 * 8 - 1
        .long   gdt
trampoline_end:

        .code32
ap_protected_mode:
        mov     $DATA, %eax
        mov     %eax, %ds
        mov     %eax, %es
        mov     %eax, %ss
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
        or      $CR0_PG, %eax
        mov     %eax, %cr0
        ljmp    $CODE64, $ap_long_mode

        .code64
ap_long_mode:
        lgdt    gdt_pointer
        xor     %eax, %eax
        mov     %eax, %fs
        mov     %eax, %gs
        mov     ap_number, %edi
        mov     %edi, %eax
        shl     $AP_STACK_SHIFT, %rax
        lea     ap_stacks(%rax), %rsp           // the stack of the CPU before; number 0 has another one
        mov     ap_main, %rbx
        xor     %ebp, %ebp
        // From here on lib/smp.c may start the next CPU.
        mov     %edi, ap_running
        call    *%rbx
1:      cli
        hlt
        jmp     1b
