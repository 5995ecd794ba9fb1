/* SPDX-License-Identifier: MIT */
/*
 * selftest.c: finds wrong hooks at boot, before they show as corruption much later.
 *
 * Each check states one promise of quarry/os.h or quarry/arch.h, tries to see it broken, and says
 * in a few words how it was. What a check hands to other CPUs lives in static storage: a cross-call
 * that does not wait must not scribble over a stack frame that is gone.
 *
 * Context  task, irqs on; one self-test at a time. Start at quarry_selftest, which holds the list.
 */
#include <quarry/debug.h>

#include "mm/base/cpu.h"
#include "mm/base/lock.h"
#include "mm/base/log.h"
#include "mm/report/memtest.h"

#define READS 1000u /* of something that must not change, or not go backwards */
#define ROUNDS 8u   /* of cross-calls */

static bool always(void)
{
	return true;
}

/* ---- clock ---- */

static bool has_clock(void)
{
	return mm_ops.clock_ns != NULL;
}

static const char *check_clock(void)
{
	uint64_t last = mm_ops.clock_ns();

	for (unsigned i = 0; i < READS; i++) {
		uint64_t now = mm_ops.clock_ns();
		if (now < last)
			return "time went backwards on this CPU";
		last = now;
	}
	return NULL;
}

#if QUARRY_MAX_CPUS > 1

/* ---- context and interrupts ---- */

static const char *check_context(void)
{
	return cpu_context() ? "the context word of a task is not 0" : NULL;
}

static const char *check_irq_state(void)
{
	struct mm_lock lock = { 0 };
	unsigned long outer = mm_lock(&lock);
	unsigned masked = cpu_context();
	arch_irq_restore(arch_irq_save());
	unsigned nested = cpu_context();
	mm_unlock(&lock, outer);
	unsigned after = cpu_context();

	if (!(masked & QUARRY_CTX_ATOMIC))
		return "with interrupts masked the context word does not say ATOMIC";
	if (!(nested & QUARRY_CTX_ATOMIC))
		return "an inner restore unmasked interrupts";
	return after ? "interrupts stay masked after the lock was released" : NULL;
}

static const char *check_task_word(void)
{
	const char *why = NULL;
	/* Masked: an interrupt would take our pattern for scopes. */
	unsigned long irq = arch_irq_save();
	unsigned long *word = cpu_task_word();

	if (!word) {
		why = "the task has no word";
	} else {
		unsigned long before = *word;
		*(volatile unsigned long *)word = ~before;
		if (cpu_task_word() != word || *(volatile unsigned long *)word != ~before)
			why = "the task's word does not keep its place or value";
		*word = before;
	}
	arch_irq_restore(irq);
	return why;
}

/* ---- CPU number ---- */

static bool number_is_stable(unsigned cpu)
{
	for (unsigned i = 0; i < READS; i++)
		if (cpu_number() != cpu)
			return false;
	return true;
}

static const char *check_cpu_number(void)
{
	unsigned cpu = (unsigned)cpu_pin();
	bool stable = number_is_stable(cpu);
	cpu_unpin();

	if (cpu >= QUARRY_MAX_CPUS || !cpu_is_online(cpu))
		return "this CPU's number was never announced by quarry_cpu_online";
	return stable ? NULL : "the CPU number changes while pinned";
}

static const char *check_pin(void)
{
	unsigned cpu = (unsigned)cpu_pin();
	cpu_pin();
	cpu_unpin();
	bool stable = number_is_stable(cpu);
	cpu_unpin();

	return stable ? NULL : "an inner unpin ended the outer pin";
}

/* ---- cross-calls ---- */

static QUARRY_STATE struct {
	struct cpu_set ran, ran_twice, not_irq;
	unsigned caller;
	struct mm_lock lock;
	uint64_t last_ns;
	unsigned backwards;
} calls;

static void set_bit(struct cpu_set *set, unsigned cpu)
{
	__atomic_fetch_or(&set->word[cpu / 64], 1ul << cpu % 64, __ATOMIC_RELAXED);
}

static bool is_empty(const struct cpu_set *set)
{
	unsigned long any = 0;

	for (unsigned i = 0; i < sizeof(set->word) / sizeof(long); i++)
		any |= __atomic_load_n(&set->word[i], __ATOMIC_RELAXED);
	return !any;
}

static bool ran_on(unsigned cpu)
{
	return __atomic_load_n(&calls.ran.word[cpu / 64], __ATOMIC_ACQUIRE) >> cpu % 64 & 1;
}

/* Slow on purpose: a caller that does not wait is back before we are done. */
static void note_run(void *unused)
{
	unsigned cpu = cpu_number();

	(void)unused;
	if (cpu != calls.caller) {
		for (unsigned i = 0; i < READS; i++)
			arch_relax();
		if (!(cpu_context() & QUARRY_CTX_IRQ))
			set_bit(&calls.not_irq, cpu);
	}
	if (ran_on(cpu))
		set_bit(&calls.ran_twice, cpu);
	__atomic_fetch_or(&calls.ran.word[cpu / 64], 1ul << cpu % 64, __ATOMIC_RELEASE);
}

static const char *check_call(void)
{
	const char *why = NULL;

	calls.ran = calls.ran_twice = calls.not_irq = (struct cpu_set){ { 0 } };
	calls.caller = (unsigned)cpu_pin();
	cpu_call_all(note_run, NULL);
	for_each_online_cpu(cpu)
		if (!ran_on(cpu))
			why = "it returned before every CPU had run the function";
	cpu_unpin();
	if (!is_empty(&calls.ran_twice))
		why = "a CPU ran the function twice";
	if (!is_empty(&calls.not_irq))
		why = "the context word does not say IRQ inside the call";
	return why;
}

static void compare_clock(void *unused)
{
	(void)unused;
	for (unsigned i = 0; i < ROUNDS; i++) {
		unsigned long irq = mm_lock(&calls.lock);
		uint64_t now = mm_ops.clock_ns();
		calls.backwards += now < calls.last_ns;
		calls.last_ns = now;
		mm_unlock(&calls.lock, irq);
	}
}

static const char *check_clocks(void)
{
	calls.last_ns = 0;
	calls.backwards = 0;
	for (unsigned i = 0; i < ROUNDS; i++)
		cpu_call_all(compare_clock, NULL);
	return calls.backwards ? "one CPU's clock is behind another's" : NULL;
}

static bool has_clocks(void)
{
	return has_clock() && cpu_others_online();
}

#endif /* SMP profile */

bool quarry_selftest(quarry_write_fn write, void *ctx)
{
	/* In this order: what comes later relies on what came before. */
	static const struct {
		const char *name;
		bool (*applies)(void);
		const char *(*check)(void);
	} checks[] = {
		{ "memory functions", always, memtest_functions },
#if QUARRY_MAX_CPUS > 1
		{ "context", always, check_context },
		{ "irq state", always, check_irq_state },
		{ "task word", always, check_task_word },
		{ "cpu number", always, check_cpu_number },
		{ "pin", always, check_pin },
		{ "cross-call", cpu_others_online, check_call },
#endif
		{ "clock", has_clock, check_clock },
#if QUARRY_MAX_CPUS > 1
		{ "clocks of all CPUs", has_clocks, check_clocks },
#endif
		{ "memory map", always, memtest_map },
		{ "direct map", always, memtest_frames },
		{ "page clearing", always, memtest_clearing },
		{ "vmalloc range", memtest_window_applies, memtest_window },
		{ "TLB flush", memtest_window_applies, memtest_flush },
	};
	bool passed = true;

	for (unsigned i = 0; i < sizeof(checks) / sizeof(checks[0]); i++) {
		if (!checks[i].applies())
			continue;
		const char *why = checks[i].check();
		if (why)
			mm_print(write, ctx, "%s: FAIL (%s)\n", checks[i].name, why);
		else
			mm_print(write, ctx, "%s: pass\n", checks[i].name);
		passed &= !why;
	}
	return passed;
}
