/*
 * Executes single instructions on the host's processor: the oracle for the software CPU.
 *
 * Reads cases from standard input and writes a result for each to standard output, in the structures below (layout.ts
 * has them, too). An instruction stands at CODE, followed by a jump to GATE, from where control comes back here; only
 * an exception costs a signal. 32-bit code is entered and left by far jumps. Needs FSGSBASE: the bases of FS and GS
 * are the instruction's while it runs.
 */
#define _GNU_SOURCE
#include <elf.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <ucontext.h>
#include <unistd.h>

enum {
	CODE = 0x100000,
	SCRATCH = 0x110000,
	/* Away from all addresses that random registers are likely to hold. */
	GATE = 0x1357a000,
	GATE32 = GATE + 32,
	PAGE = 4096,
	WINDOW = 640,
	CODE_BYTES = 16,
	MODE64 = 0,
	MODE32 = 1,
	CS32 = 0x23,
	CS64 = 0x33,
	/* Not an exception: the instruction is through. */
	DONE = 255,
	/* Some hypervisors never get through an instruction; it is given up after this much processor time. */
	HUNG = 254,
	PATIENCE_US = 300000,
	FSGSBASE = 2,
};

struct state {
	uint64_t gpr[16]; /* in the order of their encoding */
	uint64_t rip;
	uint64_t rflags;
	uint16_t selectors[4]; /* ES, DS, FS, GS */
	uint64_t cr2;
	uint8_t fxsave[512];
	uint8_t memory[WINDOW];
};

struct test_case {
	uint8_t code[CODE_BYTES];
	uint32_t length;
	uint32_t mode;
	uint64_t reserved;
	struct state state;
};

struct result {
	uint64_t vector;
	uint64_t error;
	struct state state;
};

static const int order[16] = {
	REG_RAX, REG_RCX, REG_RDX, REG_RBX, REG_RSP, REG_RBP, REG_RSI, REG_RDI,
	REG_R8, REG_R9, REG_R10, REG_R11, REG_R12, REG_R13, REG_R14, REG_R15,
};

struct test_case input __attribute__((aligned(16)));
struct result output __attribute__((aligned(16)));
uint64_t host_rsp, host_fs;
uint32_t host_mxcsr = 0x1f80;
struct {
	uint32_t offset;
	uint16_t selector;
} __attribute__((packed)) far_code = { CODE, CS32 };
uint64_t near_code = CODE;
static volatile sig_atomic_t running;
static volatile uint64_t cases;

void enter(void);
void finished(void);
void interrupted(void);

/* rdi is reloaded last but one: it points to input.state until then. */
__asm__(
	".text\n"
	"enter:\n"
	"	push %rbx; push %rbp; push %r12; push %r13; push %r14; push %r15\n"
	"	mov %rsp, host_rsp(%rip)\n"
	"	rdfsbase %rax; mov %rax, host_fs(%rip)\n"
	"	lea input+32(%rip), %rdi\n"
	"	movzwl 144(%rdi), %eax; mov %eax, %es\n"
	"	movzwl 146(%rdi), %eax; mov %eax, %ds\n"
	"	mov $0x110000, %eax; wrfsbase %rax; wrgsbase %rax\n"
	"	fxrstor64 160(%rdi)\n"
	"	cmpl $0, -12(%rdi)\n"
	"	pushq 136(%rdi)\n"
	"	lea 1f(%rip), %rax\n"
	"	lea 2f(%rip), %rcx\n"
	"	cmovz %rcx, %rax\n"
	"	push %rax\n"
	"	mov 0(%rdi), %rax; mov 8(%rdi), %rcx; mov 16(%rdi), %rdx; mov 24(%rdi), %rbx\n"
	"	mov 40(%rdi), %rbp; mov 48(%rdi), %rsi\n"
	"	mov 64(%rdi), %r8; mov 72(%rdi), %r9; mov 80(%rdi), %r10; mov 88(%rdi), %r11\n"
	"	mov 96(%rdi), %r12; mov 104(%rdi), %r13; mov 112(%rdi), %r14; mov 120(%rdi), %r15\n"
	"	mov 56(%rdi), %rdi\n"
	"	ret\n"
	"1:	popfq\n"
	"	mov input+64(%rip), %rsp\n"
	"	ljmp *far_code(%rip)\n"
	"2:	popfq\n"
	"	mov input+64(%rip), %rsp\n"
	"	jmp *near_code(%rip)\n"
	"finished:\n"
	"	mov %rsp, output+48(%rip)\n"
	"	mov host_rsp(%rip), %rsp\n"
	"	pushfq; popq output+152(%rip)\n"
	"	mov %rax, output+16(%rip); mov %rcx, output+24(%rip); mov %rdx, output+32(%rip); mov %rbx, output+40(%rip)\n"
	"	mov %rbp, output+56(%rip); mov %rsi, output+64(%rip); mov %rdi, output+72(%rip)\n"
	"	mov %r8, output+80(%rip); mov %r9, output+88(%rip); mov %r10, output+96(%rip); mov %r11, output+104(%rip)\n"
	"	mov %r12, output+112(%rip); mov %r13, output+120(%rip); mov %r14, output+128(%rip); mov %r15, output+136(%rip)\n"
	"	fxsave64 output+176(%rip)\n"
	"interrupted:\n"
	"	pushq $2; popfq\n"
	"	mov %es, output+160(%rip); mov %ds, output+162(%rip)\n"
	"	mov %fs, output+164(%rip); mov %gs, output+166(%rip)\n"
	"	xor %eax, %eax; mov %eax, %es; mov %eax, %ds; mov %eax, %fs; mov %eax, %gs\n"
	"	mov host_fs(%rip), %rax; wrfsbase %rax\n"
	"	fninit; ldmxcsr host_mxcsr(%rip)\n"
	"	pop %r15; pop %r14; pop %r13; pop %r12; pop %rbp; pop %rbx\n"
	"	ret\n");

static void go_back(ucontext_t *uc)
{
	uint16_t cs = CS64;
	uc->uc_mcontext.gregs[REG_RIP] = (greg_t)(uintptr_t)interrupted;
	uc->uc_mcontext.gregs[REG_RSP] = host_rsp;
	uc->uc_mcontext.gregs[REG_EFL] = 0x202;
	memcpy(&uc->uc_mcontext.gregs[REG_CSGSFS], &cs, sizeof cs);
}

/* Runs with the instruction's FS base: nothing here may use thread-local storage. */
static void leave(int signal, siginfo_t *info, void *context)
{
	ucontext_t *uc = context;
	(void)signal;
	(void)info;
	if (!running)
		_exit(3);
	running = 0;
	output.vector = uc->uc_mcontext.gregs[REG_TRAPNO];
	output.error = uc->uc_mcontext.gregs[REG_ERR];
	for (int i = 0; i < 16; i++)
		output.state.gpr[i] = uc->uc_mcontext.gregs[order[i]];
	output.state.rip = uc->uc_mcontext.gregs[REG_RIP];
	output.state.rflags = uc->uc_mcontext.gregs[REG_EFL];
	output.state.cr2 = uc->uc_mcontext.gregs[REG_CR2];
	memcpy(output.state.fxsave, uc->uc_mcontext.fpregs, 512);
	go_back(uc);
}

/* A second tick in the same case ends it. */
static void tick(int signal, siginfo_t *info, void *context)
{
	static uint64_t last;
	(void)signal;
	(void)info;
	if (running && last == cases) {
		running = 0;
		output.vector = HUNG;
		go_back(context);
	}
	last = cases;
}

static void handle(int signal, void (*handler)(int, siginfo_t *, void *))
{
	struct sigaction action = { .sa_flags = SA_SIGINFO | SA_ONSTACK };
	action.sa_sigaction = handler;
	sigfillset(&action.sa_mask);
	if (sigaction(signal, &action, NULL))
		_exit(2);
}

static void *map(uintptr_t at, int protection, int fd)
{
	int flags = (at ? MAP_FIXED_NOREPLACE : 0) | (fd < 0 ? MAP_PRIVATE | MAP_ANONYMOUS : MAP_SHARED);
	void *page = mmap((void *)at, PAGE, protection, flags, fd, 0);
	if (page == MAP_FAILED || (at && page != (void *)at)) {
		fprintf(stderr, "cannot map %lx\n", (unsigned long)at);
		_exit(2);
	}
	return page;
}

/* From either mode to `finished`. */
static void build_gate(void)
{
	uint8_t *gate = map(GATE, PROT_READ | PROT_WRITE, -1);
	const uint8_t jump64[] = { 0xff, 0x25, 0, 0, 0, 0 };
	uint64_t target = (uintptr_t)finished;
	memcpy(gate, jump64, sizeof jump64);
	memcpy(gate + sizeof jump64, &target, 8);
	uint32_t offset = GATE;
	uint16_t selector = CS64;
	gate[32] = 0xea;
	memcpy(gate + 33, &offset, 4);
	memcpy(gate + 37, &selector, 2);
	mprotect(gate, PAGE, PROT_READ | PROT_EXEC);
}

int main(void)
{
	static uint8_t stack[65536];
	stack_t alternate = { .ss_sp = stack, .ss_size = sizeof stack };
	const struct itimerval patience = { { 0, PATIENCE_US }, { 0, PATIENCE_US } };
	const int signals[] = { SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGTRAP };

	if (!(getauxval(AT_HWCAP2) & FSGSBASE)) {
		fprintf(stderr, "FSGSBASE is missing\n");
		return 2;
	}
	/* The code's page is written under another address: instructions cannot. */
	int fd = memfd_create("code", 0);
	if (fd < 0 || ftruncate(fd, PAGE))
		return 2;
	uint8_t *code = map(0, PROT_READ | PROT_WRITE, fd);
	map(CODE, PROT_READ | PROT_EXEC, fd);
	memset(code, 0xcc, PAGE);
	map(SCRATCH, PROT_READ | PROT_WRITE, -1);
	build_gate();
	setvbuf(stdin, NULL, _IOFBF, 1 << 20);
	setvbuf(stdout, NULL, _IOFBF, 1 << 20);
	sigaltstack(&alternate, NULL);
	for (unsigned i = 0; i < sizeof signals / sizeof *signals; i++)
		handle(signals[i], leave);
	handle(SIGPROF, tick);
	setitimer(ITIMER_PROF, &patience, NULL);
	while (fread(&input, sizeof input, 1, stdin) == 1) {
		uint32_t gate = input.mode == MODE64 ? GATE : GATE32;
		int32_t distance = gate - (CODE + input.length + 5);
		memset(code, 0xcc, CODE_BYTES + 5);
		memcpy(code, input.code, input.length);
		code[input.length] = 0xe9;
		memcpy(code + input.length + 1, &distance, 4);
		memcpy((void *)SCRATCH, input.state.memory, WINDOW);
		memset((void *)(SCRATCH + WINDOW), 0, PAGE - WINDOW);
		output.vector = DONE;
		output.error = 0;
		output.state.rip = gate;
		output.state.cr2 = 0;
		cases++;
		running = 1;
		enter();
		running = 0;
		memcpy(output.state.memory, (void *)SCRATCH, WINDOW);
		if (fwrite(&output, sizeof output, 1, stdout) != 1)
			return 2;
	}
	return 0;
}
