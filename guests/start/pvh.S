// PVH: 32-bit protected mode, paging off, EBX = physical address of hvm_start_info (Xen: docs/misc/pvh.pandoc).

        .section .text.start, "ax", @progbits
        .code32
        .globl  start
start:
        cli
        jmp     enter_long_mode

// XEN_ELFNOTE_PHYS32_ENTRY
        .section .note.Xen, "a", @note
        .balign 4
        .long   4, 4, 18
        .asciz  "Xen"
        .long   start
