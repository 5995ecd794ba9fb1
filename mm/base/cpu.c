/* SPDX-License-Identifier: MIT */
/*
 * cpu.c: which CPUs are online, and running a function on all of them.
 *
 * Start at: cpu_call_all.
 */
#include "mm/base/cpu.h"

#include <quarry/arch.h>

#include "mm/base/bits.h"
#include "mm/base/log.h"

#define TICK_NS 4000000ull /* 250 Hz: the tick that most kernels build with */

QUARRY_STATE struct cpu_set cpus_online;
#if QUARRY_MAX_CPUS == 1
QUARRY_STATE unsigned long mm_task_word;
#endif

void cpu_init(void)
{
	cpus_online = (struct cpu_set){{0}};
}

void cpu_set_online(unsigned cpu, bool online)
{
	unsigned long bit = 1ul << cpu % 64;

	if (online)
		__atomic_fetch_or(&cpus_online.word[cpu / 64], bit, __ATOMIC_RELEASE);
	else
		__atomic_fetch_and(&cpus_online.word[cpu / 64], ~bit, __ATOMIC_RELEASE);
}

bool cpu_others_online(void)
{
	unsigned long others = 0;
	unsigned self = cpu_number();

	for (unsigned i = 0; i < sizeof(cpus_online.word) / sizeof(long); i++) {
		unsigned long word = __atomic_load_n(&cpus_online.word[i], __ATOMIC_ACQUIRE);
		others |= i == self / 64 ? word & ~(1ul << self % 64) : word;
	}
	return others != 0;
}

bool cpu_may_call_all(const char *call)
{
	unsigned context = cpu_context();

	if (!context || !(context & QUARRY_CTX_NMI || cpu_others_online()))
		return true;
	mm_report(BAD_CONTEXT, call, NULL, context, 0);
	return false;
}

void cpu_wait(void)
{
	if (mm_ops.sleep_ns)
		mm_ops.sleep_ns(TICK_NS);
	else
		arch_relax();
}

void cpu_call_all(void (*fn)(void *arg), void *arg)
{
	/* Pinned: else the task could move between the two calls and a CPU be missed. */
	cpu_pin();
	fn(arg);
#if QUARRY_MAX_CPUS > 1
	if (cpu_others_online())
		quarry_os_call_others(fn, arg);
#endif
	cpu_unpin();
}
