// A bzImage of boot protocol 2.12 with all three ways in (Linux: Documentation/arch/x86/boot.rst): the real-mode setup
// that a BIOS loader starts, the 32-bit entry at the start of the image and the 64-bit entry 0x200 bytes on.

#include "start/linux.h"
#include "start/segments.h"

#define SETUP_SECTORS 8                 // after the first
#define LOADED_HIGH 0x01
#define XLF_KERNEL_64 0x01
#define LOAD_ADDRESS 0x100000
#define BOOT_CS 0x10                    // of the 32-bit protocol
#define BOOT_DS 0x18
#define E820_MAX 128
#define SMAP 0x534D4150

// The setup image has the layout of boot_params: the header lies at the same offset in both, and the code starts
// behind the place of the last field. So a setup that was started in real mode is its own boot_params.
        .section .setup, "", @progbits
        .org    0x1E8
e820_entries:
        .byte   0
        .org    0x1F1
        .byte   SETUP_SECTORS
        .short  0                       // root_flags
        .long   image_paragraphs        // syssize
        .short  0, 0xFFFF, 0            // ram_size, vid_mode, root_dev
        .short  0xAA55                  // boot_flag
        .code16
        .byte   0xEB, header_end - 1f   // a short jump; its offset also tells where the header ends
1:      .ascii  "HdrS"
        .short  0x020C                  // version
        .long   0                       // realmode_swtch
        .short  0, 0                    // start_sys_seg, kernel_version
        .byte   0                       // type_of_loader
        .byte   LOADED_HIGH             // loadflags
        .short  0                       // setup_move_size
        .long   LOAD_ADDRESS            // code32_start
        .long   0, 0, 0                 // ramdisk_image, ramdisk_size, bootsect_kludge
        .short  0                       // heap_end_ptr
        .byte   0, 0                    // ext_loader_ver, ext_loader_type
        .long   0                       // cmd_line_ptr
        .long   0x7FFFFFFF              // initrd_addr_max
        .long   0x1000                  // kernel_alignment
        .byte   0, 12                   // relocatable_kernel, min_alignment
        .short  XLF_KERNEL_64           // xloadflags
        .long   2047                    // cmdline_size
        .long   0                       // hardware_subarch
        .quad   0                       // hardware_subarch_data
        .long   0, 0                    // payload_offset, payload_length
        .quad   0                       // setup_data
        .quad   LOAD_ADDRESS            // pref_address
        .long   image_size              // init_size
        .long   0                       // handover_offset
header_end:
        jmp     setup

        .org    0x2D0
e820_table:

        .org    0x1000
setup:
        // Entered with CS 0x20 paragraphs above the other segments: make them equal.
        mov     %cs, %ax
        sub     $0x20, %ax
        mov     %ax, %ds
        mov     %ax, %es
        push    %ax
        push    $1f
        lret
1:
        mov     $e820_table, %di
        xor     %ebx, %ebx
2:      mov     $0xE820, %eax
        mov     $20, %ecx
        mov     $SMAP, %edx
        int     $0x15
        jc      3f
        cmp     $SMAP, %eax
        jne     3f
        add     $20, %di
        incb    e820_entries
        cmpb    $E820_MAX, e820_entries
        je      3f
        test    %ebx, %ebx
        jnz     2b
3:
        cli
        xor     %esi, %esi
        mov     %cs, %si
        shl     $4, %esi                // linear address of boot_params
        addl    %esi, setup_gdt_pointer + 2
        lgdt    setup_gdt_pointer
        mov     %cr0, %eax
        or      $CR0_PE, %eax
        mov     %eax, %cr0
        mov     $BOOT_DS, %ax
        mov     %ax, %ds
        mov     %ax, %es
        mov     %ax, %ss
        ljmpl   $BOOT_CS, $LOAD_ADDRESS

        .balign 8
setup_gdt:
        .quad   0, 0
        .quad   0x00cf9b000000ffff      // BOOT_CS
        .quad   0x00cf93000000ffff      // BOOT_DS
setup_gdt_pointer:
        .word   . - setup_gdt - 1
        .long   setup_gdt
        .org    (SETUP_SECTORS + 1) * 512

        .section .head, "ax", @progbits
        .code32
        .globl  start
start:
        cli
        mov     %esi, %ebx
        mov     $LINUX_BZ_32, %ebp
        jmp     enter_long_mode

        .org    0x200
        .code64
        cli
        mov     %rsi, %rbx
        mov     $LINUX_BZ_64, %ebp
        jmp     leave_loader_tables
