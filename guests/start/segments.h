// Selectors of the guests' GDT (start/long-mode.S) and the control bits on the way to long mode. For C and assembler.
#pragma once

#define CODE64 0x08
#define DATA 0x10
#define CODE32 0x18

#define CR0_PE 0x00000001
#define CR0_CACHE_OFF 0x60000000 // CD and NW
#define CR0_PG 0x80000000
#define CR4_PAE 0x20
#define MSR_EFER 0xC0000080
#define EFER_LME 0x100

#define PTE_TABLE 0x23 // present, writable, accessed
#define PTE_LARGE 0xE3 // present, writable, accessed, dirty, page size
