/* SPDX-License-Identifier: MIT */
/*
 * nmi.h: interrupts that nothing holds off, for tests of calls that any context may make.
 *
 * A non-maskable interrupt is made of the host's single-step trap: it comes in between any two
 * instructions of an operation, whatever is masked or locked, and uses the library there. A test
 * may enter an ordinary interrupt in its place (trap.enter).
 */
#ifndef NMI_H
#define NMI_H

#include <signal.h>
#include <ucontext.h>

#include "tests/mock/world.h"

__attribute__((unused)) static void in_nmi(void (*fn)(void))
{
	struct mock_state before = mock_self.now;

	mock_self.now.handler++;
	mock_self.now.masked = 1;
	mock_self.now.context = QUARRY_CTX_NMI | QUARRY_CTX_IRQ | QUARRY_CTX_ATOMIC;
	fn();
	mock_self.now = before;
}

#if defined(__x86_64__) && !defined(MOCK_TSAN)
#define HAVE_STEPS 1
/* Steps through much: not where each operation has many more of them. */
#ifdef MOCK_ASAN
#define STEPS_ARE_DEAR true
#else
#define STEPS_ARE_DEAR false
#endif

#define TRAP_FLAG 0x100ul

static struct {
	unsigned long steps; /* instructions that were executed */
	unsigned long at;    /* the interrupt comes after this many, and then after each `every` */
	unsigned long every;
	void (*fn)(void);
	void (*enter)(void (*fn)(void));
} trap = {.enter = in_nmi};

static void on_trap(int signal, siginfo_t *info, void *context)
{
	ucontext_t *machine = context;

	(void)signal;
	(void)info;
	trap.steps++;
	if (trap.steps < trap.at || mock_self.in_mock)
		return; /* the mock's own state is no part of the machine */
	trap.at = trap.every ? trap.steps + trap.every : ~0ul;
	trap.enter(trap.fn);
	if (!trap.every)
		machine->uc_mcontext.gregs[REG_EFL] &= ~(greg_t)TRAP_FLAG;
}

/* Run op with an interrupt by fn after `at` instructions. Return: false if op was over before. */
__attribute__((unused)) static bool interrupted_at(unsigned long at, unsigned long every,
						   void (*op)(void), void (*fn)(void))
{
	struct sigaction action = {.sa_sigaction = on_trap, .sa_flags = SA_SIGINFO}, old;

	sigaction(SIGTRAP, &action, &old);
	trap.steps = 0;
	trap.at = at;
	trap.every = every;
	trap.fn = fn;
	__asm__ volatile("" : : : "memory"); /* all of it is written before the first step */
	__builtin_ia32_writeeflags_u64(__builtin_ia32_readeflags_u64() | TRAP_FLAG);
	op();
	__asm__ volatile("" : : : "memory");
	__builtin_ia32_writeeflags_u64(__builtin_ia32_readeflags_u64() & ~TRAP_FLAG);
	sigaction(SIGTRAP, &old, NULL);
	return trap.at != at;
}
#endif

#endif
