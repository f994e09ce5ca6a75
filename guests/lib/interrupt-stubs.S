// One stub of 16 bytes a vector: pushes an error code where the processor did not (Intel SDM vol. 3, 6.13), and the
// vector, so that all have the frame of lib/idt.h.

// Vectors 8, 10 to 14, 17, 21, 29 and 30.
#define WITH_ERROR_CODE 0x60227D00

        .section .text.interrupt_stubs, "ax", @progbits
        .code64
        .balign 16
        .globl  interrupt_stubs
interrupt_stubs:
        .set    vector, 0
        .rept   256
        .balign 16
        .set    pushed, 0
        .if     vector < 32
        .set    pushed, (WITH_ERROR_CODE >> vector) & 1
        .endif
        .if     !pushed
        pushq   $0
        .endif
        pushq   $vector
        jmp     common
        .set    vector, vector + 1
        .endr

common:
        push    %rax
        push    %rbx
        push    %rcx
        push    %rdx
        push    %rsi
        push    %rdi
        push    %rbp
        push    %r8
        push    %r9
        push    %r10
        push    %r11
        push    %r12
        push    %r13
        push    %r14
        push    %r15
        cld
        mov     %rsp, %rdi
        mov     %rsp, %rbp
        and     $-16, %rsp
        call    serve_interrupt
        mov     %rbp, %rsp
        pop     %r15
        pop     %r14
        pop     %r13
        pop     %r12
        pop     %r11
        pop     %r10
        pop     %r9
        pop     %r8
        pop     %rbp
        pop     %rdi
        pop     %rsi
        pop     %rdx
        pop     %rcx
        pop     %rbx
        pop     %rax
        add     $16, %rsp
        iretq
