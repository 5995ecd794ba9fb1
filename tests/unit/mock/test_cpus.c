/* SPDX-License-Identifier: MIT */
/* test_cpus.c: the mock's CPUs, one host thread in turn or a thread each: cross-calls, masks,
 * failures. */
#define _GNU_SOURCE
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "mock_check.h"

#define CALLS 200u

static unsigned called[8], wrong;

static void note(void *arg)
{
	unsigned cpu = quarry_os_cpu();

	__atomic_fetch_add(&called[cpu], (unsigned)(uintptr_t)arg, __ATOMIC_RELAXED);
	if (quarry_os_context() != (QUARRY_CTX_IRQ | QUARRY_CTX_ATOMIC))
		__atomic_fetch_add(&wrong, 1, __ATOMIC_RELAXED);
}

static void call(void *arg)
{
	quarry_os_call_others(note, arg);
}

static void start(unsigned cpus)
{
	memset(called, 0, sizeof(called));
	wrong = 0;
	mock_start(&(struct mock_config){.cpus = cpus});
	mock_hook_reset();
}

static void c01_one_thread_plays_the_others(void **state)
{
	(void)state;
	start(4);
	mock_set_cpu(2);
	call((void *)1);
	assert_int_equal(quarry_os_cpu(), 2);
	for (unsigned cpu = 0; cpu < 4; cpu++)
		assert_int_equal(called[cpu], cpu != 2);
	assert_int_equal(wrong, 0);
	assert_int_equal(mock_hook_count(MOCK_CALL_OTHERS), 1);
	mock_set_cpu(0);
	mock_cpu_stop(3);
	call((void *)1);
	assert_int_equal(called[3], 1);
	mock_cpu_start(3);
	mock_stop();
}

static void c02_a_cross_call_needs_task_context(void **state)
{
	unsigned long irq;

	(void)state;
	start(2);
	mock_set_context(QUARRY_CTX_ATOMIC);
	check_fails(call, NULL, "not in task context");
	mock_set_context(0);
	irq = arch_irq_save();
	check_fails(call, NULL, "not in task context");
	arch_irq_restore(irq);
	mock_stop();
}

static void call_often(void *arg, unsigned cpu)
{
	(void)arg;
	if (quarry_os_cpu() != cpu)
		__atomic_fetch_add(&wrong, 1, __ATOMIC_RELAXED);
	for (unsigned i = 0; i < CALLS; i++)
		call((void *)1);
}

/* All call all at once: nobody may wait for one who waits. */
static void c03_threads_call_each_other(void **state)
{
	(void)state;
	start(4);
	mock_run_cpus(4, call_often, NULL);
	for (unsigned cpu = 0; cpu < 4; cpu++)
		assert_int_equal(called[cpu], 3 * CALLS);
	assert_int_equal(wrong, 0);
	assert_int_equal(mock_hook_count(MOCK_CALL_OTHERS), 4 * CALLS);
	mock_stop();
}

/* CPUs 2 and 3 have no function, CPU 1 returns at once: all take calls. */
static void only_cpu_0_calls(void *arg, unsigned cpu)
{
	if (cpu == 0)
		call_often(arg, cpu);
}

static void c04_idle_cpus_take_calls(void **state)
{
	(void)state;
	start(4);
	mock_run_cpus(2, only_cpu_0_calls, NULL);
	assert_int_equal(called[0], 0);
	for (unsigned cpu = 1; cpu < 4; cpu++)
		assert_int_equal(called[cpu], CALLS);
	mock_stop();
}

static unsigned masked_now, called_while_masked, finished;

static void note_masked(void *arg)
{
	(void)arg;
	if (quarry_os_cpu() == 1)
		called_while_masked |= masked_now;
}

static void mask_or_call(void *arg, unsigned cpu)
{
	(void)arg;
	if (cpu == 0) {
		for (unsigned i = 0; i < 50; i++)
			quarry_os_call_others(note_masked, NULL);
		__atomic_store_n(&finished, 1, __ATOMIC_RELEASE);
	}
	while (cpu == 1 && !__atomic_load_n(&finished, __ATOMIC_ACQUIRE)) {
		unsigned long irq = arch_irq_save();

		masked_now = 1;
		for (unsigned i = 0; i < 100; i++)
			arch_relax();
		masked_now = 0;
		arch_irq_restore(irq);
	}
}

static void c05_a_masked_cpu_takes_calls_at_the_unmask(void **state)
{
	(void)state;
	start(2);
	masked_now = called_while_masked = finished = 0;
	mock_run_cpus(2, mask_or_call, NULL);
	assert_int_equal(called_while_masked, 0);
	mock_stop();
}

static struct page *kept[4][16];

static void allocate(void *arg, unsigned cpu)
{
	(void)arg;
	for (unsigned round = 0; round < 40; round++) {
		for (unsigned i = 0; i < 16; i++) {
			kept[cpu][i] = alloc_pages(GFP_KERNEL, 0);
			*(unsigned *)page_address(kept[cpu][i]) = cpu;
		}
		if (round % 10 == 0)
			quarry_os_call_others(note, (void *)1);
		for (unsigned i = 0; i < 16; i++) {
			if (*(unsigned *)page_address(kept[cpu][i]) != cpu)
				mock_fail("a page is owned twice");
			__free_pages(kept[cpu][i], 0);
		}
	}
}

static void c06_threads_share_the_memory(void **state)
{
	(void)state;
	start(4);
	mock_run_cpus(4, allocate, NULL);
	mock_stop();
}

static void fail_on_cpu_1(void *arg, unsigned cpu)
{
	(void)arg;
	if (cpu == 1)
		mock_fail("on purpose");
	for (;;)
		arch_relax();
}

static void run_failing(void *arg)
{
	mock_run_cpus(3, fail_on_cpu_1, arg);
}

/* The others, in a loop, are stopped. The failure prints CPU 1's last hook calls. */
static void c07_a_failure_on_one_cpu_ends_all(void **state)
{
	(void)state;
	start(3);
	check_fails(run_failing, NULL, "CPU 1: on purpose");
	mock_abandon();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(c01_one_thread_plays_the_others),
		cmocka_unit_test(c02_a_cross_call_needs_task_context),
		cmocka_unit_test(c03_threads_call_each_other),
		cmocka_unit_test(c04_idle_cpus_take_calls),
		cmocka_unit_test(c05_a_masked_cpu_takes_calls_at_the_unmask),
		cmocka_unit_test(c06_threads_share_the_memory),
		cmocka_unit_test(c07_a_failure_on_one_cpu_ends_all),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
