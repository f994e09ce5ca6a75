// How the guest was entered under Linux's boot protocol: the second argument of boot_entry. For C and assembler.
#pragma once

#define LINUX_ELF 1    // a 64-bit ELF, entered like the 64-bit entry
#define LINUX_BZ_32 2  // a bzImage at code32_start
#define LINUX_BZ_64 3  // a bzImage at its start + 0x200
