/*
 * Executes single instructions on the host's processor: the oracle for the software CPU.
 *
 * Reads cases from standard input and writes a result for each to standard output, in the structures below. A case's
 * registers are put in place by returning from a signal handler, and read back in the handler of the signal that the
 * instruction itself, or the INT3 behind it, brings about.
 */
#define _GNU_SOURCE
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <ucontext.h>
#include <unistd.h>

enum { CODE = 0x100000, SCRATCH = 0x110000, PAGE = 4096, WINDOW = 512 };

struct state {
	uint64_t gpr[16]; /* in the order of their encoding */
	uint64_t rip;
	uint64_t rflags;
	uint8_t fxsave[512];
	uint8_t memory[WINDOW];
};

struct test_case {
	uint8_t code[16];
	uint64_t length;
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

static struct test_case input;
static struct result output;
static ucontext_t back;
static uint8_t back_fp[512];
static volatile sig_atomic_t running;

static void enter(int signal, siginfo_t *info, void *context)
{
	ucontext_t *uc = context;
	(void)signal;
	(void)info;
	back = *uc;
	memcpy(back_fp, uc->uc_mcontext.fpregs, 512);
	for (int i = 0; i < 16; i++)
		uc->uc_mcontext.gregs[order[i]] = input.state.gpr[i];
	uc->uc_mcontext.gregs[REG_RIP] = CODE;
	uc->uc_mcontext.gregs[REG_EFL] = input.state.rflags;
	/* The kernel's own words at the end of the legacy area stay. */
	memcpy(uc->uc_mcontext.fpregs, input.state.fxsave, 416);
	running = 1;
}

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
	memcpy(output.state.fxsave, uc->uc_mcontext.fpregs, 512);
	memcpy(output.state.memory, (void *)SCRATCH, WINDOW);
	memcpy(uc->uc_mcontext.gregs, back.uc_mcontext.gregs, sizeof(gregset_t));
	memcpy(uc->uc_mcontext.fpregs, back_fp, 416);
}

static void handle(int signal, void (*handler)(int, siginfo_t *, void *))
{
	struct sigaction action = { .sa_flags = SA_SIGINFO | SA_ONSTACK };
	action.sa_sigaction = handler;
	sigfillset(&action.sa_mask);
	if (sigaction(signal, &action, NULL))
		_exit(2);
}

static void map(uintptr_t at, int protection)
{
	void *page = mmap((void *)at, PAGE, protection, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
	if (page != (void *)at) {
		fprintf(stderr, "cannot map %lx\n", (unsigned long)at);
		_exit(2);
	}
}

int main(void)
{
	static uint8_t stack[65536];
	stack_t alternate = { .ss_sp = stack, .ss_size = sizeof stack };
	const int signals[] = { SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGTRAP };

	map(CODE, PROT_READ | PROT_WRITE | PROT_EXEC);
	map(SCRATCH, PROT_READ | PROT_WRITE);
	sigaltstack(&alternate, NULL);
	handle(SIGUSR1, enter);
	for (unsigned i = 0; i < sizeof signals / sizeof *signals; i++)
		handle(signals[i], leave);
	while (fread(&input, sizeof input, 1, stdin) == 1) {
		memset((void *)CODE, 0xcc, PAGE);
		memcpy((void *)CODE, input.code, input.length);
		memset((void *)SCRATCH, 0, PAGE);
		memcpy((void *)SCRATCH, input.state.memory, WINDOW);
		raise(SIGUSR1);
		if (fwrite(&output, sizeof output, 1, stdout) != 1)
			return 2;
	}
	return 0;
}
