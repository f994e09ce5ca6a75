// Multiboot 2: 32-bit protected mode, paging off, EAX = 0x36D76289, EBX = address of the information
// (Multiboot2 Specification 2.0, 3.1 and 3.3).

#define MAGIC 0xE85250D6
#define ARCHITECTURE 0                  // i386, protected mode
#define TAG_END 0

        .section .head, "ax", @progbits
        .balign 8
header:
        .long   MAGIC, ARCHITECTURE, header_end - header, -(MAGIC + ARCHITECTURE + (header_end - header))
        .short  TAG_END, 0
        .long   8
header_end:

        .code32
        .globl  start
start:
        cli
        mov     %eax, %ebp
        jmp     enter_long_mode
