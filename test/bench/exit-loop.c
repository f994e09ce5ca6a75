// The yardstick of the exit cost: the least that a VMM can do around KVM_RUN, in C. It boots the same guest file by PVH,
// with the same chips in the kernel (split irqchip) and as much memory as tsvmm, and answers the few addresses that
// guests/exits.c uses.
//
//   exit-loop [-r] KERNEL MEMORY_MIB COMMAND_LINE
//     -r  takes RIP of every exit from the shared page (KVM_CAP_SYNC_REGS)
//
// Standard output: what the guest writes to COM1, then "tsc-khz N", "exits N" and "cpu-ns N", the processor time that
// they took. Exit status: what the guest writes to
// port 0xF4, or 125 after one line on standard error.

#include <elf.h>
#include <err.h>
#include <fcntl.h>
#include <linux/kvm.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define FAILED 125

#define COM1 0x3F8
#define COM1_LSR (COM1 + 5)
#define LSR_EMPTY 0x60 // THRE and TEMT: the transmitter is always ready
#define POST_CODE 0x80
#define DEBUG_EXIT 0xF4
#define IOAPIC_SELECT 0xFEC00000
#define IOAPIC_WINDOW 0xFEC00010
#define IOAPIC_PINS 24

#define TSS_ADDRESS 0xFFFBD000
#define IDENTITY_MAP_ADDRESS 0xFFFBC000

#define XEN_PHYS32_ENTRY 18
#define START_MAGIC 0x336EC578
#define START_INFO 0x6000
#define MEMORY_MAP 0x6100
#define COMMAND_LINE 0x7000
#define MAX_COMMAND_LINE 0x1000
#define RAM_START 0x100000

// Xen: xen/include/public/arch-x86/hvm/start_info.h
struct start_info {
  uint32_t magic, version, flags, module_count;
  uint64_t modules, command_line, rsdp, memory_map;
  uint32_t memory_map_entries, reserved;
};

struct memory_map_entry {
  uint64_t address, size;
  uint32_t type, reserved;
};

static uint8_t *memory;
static uint64_t memory_size;

static uint8_t ioapic_select;
static uint32_t ioapic_id;
static bool ended;
static uint32_t exit_value;

static int call(int fd, unsigned long request, unsigned long argument, const char *name)
{
  int result = ioctl(fd, request, argument);
  if (result < 0)
    err(FAILED, "%s", name);
  return result;
}

#define CALL(fd, request, argument) call(fd, request, (unsigned long)(argument), #request)

static void *at(uint64_t address, uint64_t size)
{
  if (address > memory_size || size > memory_size - address)
    errx(FAILED, "%#lx is not in RAM", (unsigned long)address);
  return memory + address;
}

// Copies the segments to where they belong. Returns the PVH entry point.
static uint32_t load_kernel(const char *path)
{
  int fd = open(path, O_RDONLY);
  struct stat status;
  if (fd < 0 || fstat(fd, &status) < 0)
    err(FAILED, "%s", path);
  const uint8_t *file = mmap(NULL, status.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
  if (file == MAP_FAILED)
    err(FAILED, "%s", path);
  const Elf64_Ehdr *header = (const void *)file;
  const Elf64_Phdr *segments = (const void *)(file + header->e_phoff);
  uint32_t entry = 0;
  for (unsigned i = 0; i < header->e_phnum; i++) {
    const uint8_t *data = file + segments[i].p_offset;
    if (segments[i].p_type == PT_LOAD)
      memcpy(at(segments[i].p_paddr, segments[i].p_memsz), data, segments[i].p_filesz);
    for (uint64_t note = 0; segments[i].p_type == PT_NOTE && note < segments[i].p_filesz;) {
      const Elf64_Nhdr *head = (const void *)(data + note);
      uint64_t descriptor = note + sizeof *head + ((head->n_namesz + 3) & ~3);
      if (head->n_type == XEN_PHYS32_ENTRY)
        memcpy(&entry, data + descriptor, sizeof entry);
      note = descriptor + ((head->n_descsz + 3) & ~3);
    }
  }
  if (entry == 0)
    errx(FAILED, "%s has no PVH entry", path);
  return entry;
}

static void put_start_info(const char *command_line)
{
  if (strlen(command_line) >= MAX_COMMAND_LINE)
    errx(FAILED, "the command line is too long");
  strcpy(at(COMMAND_LINE, MAX_COMMAND_LINE), command_line);
  struct memory_map_entry ram = {RAM_START, memory_size - RAM_START, 1, 0};
  memcpy(at(MEMORY_MAP, sizeof ram), &ram, sizeof ram);
  struct start_info info = {
    .magic = START_MAGIC,
    .version = 1,
    .command_line = COMMAND_LINE,
    .memory_map = MEMORY_MAP,
    .memory_map_entries = 1,
  };
  memcpy(at(START_INFO, sizeof info), &info, sizeof info);
}

static int create_vm(int kvm)
{
  int vm = CALL(kvm, KVM_CREATE_VM, 0);
  uint64_t identity = IDENTITY_MAP_ADDRESS;
  CALL(vm, KVM_SET_IDENTITY_MAP_ADDR, &identity);
  CALL(vm, KVM_SET_TSS_ADDR, TSS_ADDRESS);
  struct kvm_enable_cap split = {.cap = KVM_CAP_SPLIT_IRQCHIP, .args = {IOAPIC_PINS}};
  CALL(vm, KVM_ENABLE_CAP, &split);
  struct kvm_userspace_memory_region region = {.memory_size = memory_size, .userspace_addr = (uint64_t)memory};
  CALL(vm, KVM_SET_USER_MEMORY_REGION, &region);
  return vm;
}

static void present_cpu(int kvm, int vcpu)
{
  enum { MAX_ENTRIES = 256 };
  struct kvm_cpuid2 *cpuid = calloc(1, sizeof *cpuid + MAX_ENTRIES * sizeof *cpuid->entries);
  if (cpuid == NULL)
    err(FAILED, "calloc");
  cpuid->nent = MAX_ENTRIES;
  CALL(kvm, KVM_GET_SUPPORTED_CPUID, cpuid);
  CALL(vcpu, KVM_SET_CPUID2, cpuid);
}

// 32-bit protected mode, paging off, flat segments, EBX = start_info (Xen: docs/misc/pvh.pandoc).
static void enter_kernel(int vcpu, uint32_t entry)
{
  struct kvm_sregs sregs;
  CALL(vcpu, KVM_GET_SREGS, &sregs);
  struct kvm_segment code = {.limit = 0xFFFFFFFF, .selector = 0x10, .type = 0xB, .present = 1, .db = 1, .s = 1, .g = 1};
  struct kvm_segment data = code;
  data.selector = 0x18;
  data.type = 3;
  sregs.cs = code;
  sregs.ds = sregs.es = sregs.fs = sregs.gs = sregs.ss = data;
  sregs.tr = (struct kvm_segment){.limit = 0x67, .selector = 0x20, .type = 0xB, .present = 1};
  sregs.cr0 = 0x11;
  sregs.cr3 = sregs.cr4 = sregs.efer = 0;
  CALL(vcpu, KVM_SET_SREGS, &sregs);
  struct kvm_regs regs = {.rip = entry, .rbx = START_INFO, .rflags = 2};
  CALL(vcpu, KVM_SET_REGS, &regs);
}

static void port_write(uint16_t port, const uint8_t *data, unsigned size)
{
  switch (port) {
  case COM1:
    putchar(*data);
    break;
  case POST_CODE:
    break;
  case DEBUG_EXIT:
    memcpy(&exit_value, data, size);
    ended = true;
    break;
  }
}

static void port_read(uint16_t port, uint8_t *data, unsigned size)
{
  switch (port) {
  case COM1_LSR:
    *data = LSR_EMPTY;
    break;
  case POST_CODE:
    *data = 0;
    break;
  default:
    memset(data, 0xFF, size);
  }
}

static void port_access(struct kvm_run *run)
{
  uint8_t *data = (uint8_t *)run + run->io.data_offset;
  for (uint32_t i = 0; i < run->io.count; i++, data += run->io.size) {
    if (run->io.direction == KVM_EXIT_IO_OUT)
      port_write(run->io.port, data, run->io.size);
    else
      port_read(run->io.port, data, run->io.size);
  }
}

static void mmio_write(uint64_t address, uint32_t value)
{
  if (address == IOAPIC_SELECT)
    ioapic_select = value;
  else if (address == IOAPIC_WINDOW && ioapic_select == 0)
    ioapic_id = value & 0x0F000000;
}

static uint32_t mmio_read(uint64_t address)
{
  if (address == IOAPIC_SELECT)
    return ioapic_select;
  if (address == IOAPIC_WINDOW)
    return ioapic_select == 0 ? ioapic_id : 0;
  return 0xFFFFFFFF;
}

static void mmio_access(struct kvm_run *run)
{
  uint32_t value = 0;
  unsigned size = run->mmio.len < sizeof value ? run->mmio.len : sizeof value;
  if (run->mmio.is_write) {
    memcpy(&value, run->mmio.data, size);
    mmio_write(run->mmio.phys_addr, value);
  } else {
    value = mmio_read(run->mmio.phys_addr);
    memcpy(run->mmio.data, &value, size);
  }
}

static uint64_t run_guest(int vcpu, struct kvm_run *run, bool registers)
{
  uint64_t exits = 0;
  volatile uint64_t rip;
  if (registers)
    run->kvm_valid_regs = KVM_SYNC_X86_REGS;
  while (!ended) {
    if (ioctl(vcpu, KVM_RUN, 0) < 0)
      err(FAILED, "KVM_RUN");
    exits++;
    if (registers)
      rip = run->s.regs.regs.rip;
    switch (run->exit_reason) {
    case KVM_EXIT_IO:
      port_access(run);
      break;
    case KVM_EXIT_MMIO:
      mmio_access(run);
      break;
    default:
      errx(FAILED, "exit reason %u", run->exit_reason);
    }
  }
  (void)rip;
  return exits;
}

static uint64_t processor_time(void)
{
  struct timespec now;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return now.tv_sec * 1000000000ULL + now.tv_nsec;
}

int main(int argc, char **argv)
{
  bool registers = argc == 5 && strcmp(argv[1], "-r") == 0;
  if (argc != 4 && !registers)
    errx(FAILED, "usage: exit-loop [-r] KERNEL MEMORY_MIB COMMAND_LINE");
  char **arguments = argv + argc - 3;
  memory_size = strtoul(arguments[1], NULL, 10) << 20;
  memory = mmap(NULL, memory_size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (memory == MAP_FAILED)
    err(FAILED, "mmap of guest memory");
  int kvm = open("/dev/kvm", O_RDWR | O_CLOEXEC);
  if (kvm < 0)
    err(FAILED, "/dev/kvm");
  uint32_t entry = load_kernel(arguments[0]);
  put_start_info(arguments[2]);
  int vm = create_vm(kvm);
  int vcpu = CALL(vm, KVM_CREATE_VCPU, 0);
  size_t run_size = CALL(kvm, KVM_GET_VCPU_MMAP_SIZE, 0);
  struct kvm_run *run = mmap(NULL, run_size, PROT_READ | PROT_WRITE, MAP_SHARED, vcpu, 0);
  if (run == MAP_FAILED)
    err(FAILED, "mmap of the vCPU");
  present_cpu(kvm, vcpu);
  enter_kernel(vcpu, entry);
  int tsc_khz = CALL(vcpu, KVM_GET_TSC_KHZ, 0);
  uint64_t before = processor_time();
  unsigned long exits = run_guest(vcpu, run, registers);
  unsigned long used = processor_time() - before;
  printf("tsc-khz %d\nexits %lu\ncpu-ns %lu\n", tsc_khz, exits, used);
  return exit_value > 255 ? 255 : (int)exit_value;
}
