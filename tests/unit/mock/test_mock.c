/* SPDX-License-Identifier: MIT */
/*
 * test_mock.c: the mock machine itself: memory, interrupts, contexts, reports, the end-of-test
 * checks. Page tables and the software TLB are in test_mmu.c, CPU threads in test_cpus.c.
 */
#define _GNU_SOURCE
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "mock_check.h"

/* ---- memory
 * ------------------------------------------------------------------------------------ */

static void m01_a_hole_of_the_map_faults(void **state)
{
	const struct quarry_mem_range map[] = {
		{MOCK_MIB, 16 * MOCK_MIB, QUARRY_MEM_USABLE, 0},
		{40 * MOCK_MIB, MOCK_MIB, QUARRY_MEM_RESERVED, 0},
	};

	(void)state;
	mock_start(&(struct mock_config){.map = map, .nr_map = 2});
	assert_false(mock_faults(MOCK_DIRECT + 17 * MOCK_MIB - 1));
	assert_true(mock_faults(MOCK_DIRECT + 17 * MOCK_MIB));
	check_fails(touch, (void *)(MOCK_DIRECT + 17 * MOCK_MIB), "in no range of the map");
	check_fails(touch, (void *)(MOCK_DIRECT + 0x10), "in no range of the map");
	assert_false(mock_faults(MOCK_DIRECT + 40 * MOCK_MIB));
	touch((void *)(MOCK_DIRECT + 40 * MOCK_MIB));
	mock_stop();
}

static void m02_a_large_machine_costs_what_is_touched(void **state)
{
	struct page *page;

	(void)state;
	mock_start(&(struct mock_config){.bytes = MOCK_DIRECT_SIZE / 16});
	assert_true(nr_free_pages() > MOCK_DIRECT_SIZE / 16 / PAGE_SIZE / 100 * 98);
	page = alloc_pages(GFP_KERNEL, 10);
	memset(page_address(page), 1, PAGE_SIZE << 10);
	__free_pages(page, 10);
	mock_stop();
}

/* The first page handed out is the same one in each world. */
static void m03_a_new_world_has_zeroed_memory(void **state)
{
	unsigned char *first = NULL;

	(void)state;
	for (int i = 0; i < 4; i++) {
		struct page *page;
		unsigned char *bytes;

		mock_start(&(struct mock_config){.bytes = 8 * MOCK_MIB, .dirty_memory = i == 3});
		page = alloc_pages(GFP_KERNEL, 0);
		bytes = page_address(page);
		if (!first)
			first = bytes;
		assert_ptr_equal(bytes, first);
		if (i == 3)
			assert_int_not_equal(bytes[PAGE_SIZE - 8], 0);
		else
			assert_int_equal(bytes[PAGE_SIZE - 8], 0);
		bytes[PAGE_SIZE - 8] = 1;
		__free_pages(page, 0);
		mock_stop();
	}
}

static void m04_free_memory_is_poisoned_for_asan(void **state)
{
	unsigned long page;

	(void)state;
	mock_start(NULL);
	page = get_zeroed_page(GFP_KERNEL);
	assert_false(is_poisoned(page));
	free_pages(page, 0);
#ifdef CHECK_ASAN
	assert_true(is_poisoned(page));
	assert_true(is_poisoned(page + PAGE_SIZE - 1));
#endif
	mock_stop();
	mock_start(NULL);
#ifdef CHECK_ASAN
	assert_true(is_poisoned(MOCK_DIRECT + 32 * MOCK_MIB));
#endif
	mock_stop();
}

/* ---- interrupts and contexts
 * -------------------------------------------------------------------- */

static unsigned handled, seen_context;

static void handler(void *arg)
{
	(void)arg;
	handled++;
	seen_context = quarry_os_context();
}

static void m10_a_masked_interrupt_waits_for_the_unmask(void **state)
{
	unsigned long outer, inner;

	(void)state;
	mock_start(NULL);
	handled = 0;
	mock_interrupt(handler, NULL);
	assert_int_equal(handled, 1);
	assert_int_equal(seen_context, QUARRY_CTX_IRQ | QUARRY_CTX_ATOMIC);
	outer = arch_irq_save();
	inner = arch_irq_save();
	mock_interrupt(handler, NULL);
	mock_interrupt(handler, NULL);
	arch_irq_restore(inner);
	assert_int_equal(handled, 1);
	assert_int_equal(quarry_os_context(), QUARRY_CTX_ATOMIC);
	arch_irq_restore(outer);
	assert_int_equal(handled, 3);
	assert_int_equal(quarry_os_context(), 0);
	mock_stop();
}

static void m11_an_interrupt_comes_at_the_nth_hook_call(void **state)
{
	(void)state;
	mock_start(NULL);
	handled = 0;
	mock_interrupt_at(3, handler, NULL);
	quarry_os_pin();
	quarry_os_cpu();
	assert_int_equal(handled, 0);
	quarry_os_unpin();
	assert_int_equal(handled, 1);
	mock_stop();
}

static void m12_contexts(void **state)
{
	(void)state;
	mock_start(NULL);
	quarry_os_pin();
	assert_int_equal(quarry_os_context(), 0);
	quarry_os_unpin();
	mock_set_context(QUARRY_CTX_NMI);
	assert_int_equal(quarry_os_context(), QUARRY_CTX_NMI | QUARRY_CTX_IRQ | QUARRY_CTX_ATOMIC);
	handled = 0;
	mock_interrupt(handler, NULL);
	assert_int_equal(handled, 0);
	mock_set_context(QUARRY_CTX_ATOMIC);
	assert_int_equal(handled, 1);
	mock_stop();
}

static void restore_garbage(void *arg)
{
	(void)arg;
	(void)arch_irq_save();
	arch_irq_restore(0x246);
}

static void unpin(void *arg)
{
	(void)arg;
	quarry_os_unpin();
}

static void spin(void *arg)
{
	(void)arg;
	for (;;)
		arch_relax();
}

static void leave_a_pin(void *arg)
{
	(void)arg;
	quarry_os_pin();
}

static void interrupt_that_pins(void *arg)
{
	mock_interrupt(leave_a_pin, arg);
}

static void panic(void *arg)
{
	(void)arg;
	quarry_os_panic("the end");
}

static void m13_misuse_of_hooks_fails(void **state)
{
	(void)state;
	mock_start(NULL);
	check_fails(restore_garbage, NULL, "not a state");
	check_fails(unpin, NULL, "without a pin");
	check_fails(spin, NULL, "deadlock");
	check_fails(interrupt_that_pins, NULL, "handler left");
	check_fails(panic, NULL, "panic: the end");
	mock_stop();
}

static void m14_an_unpinned_task_migrates(void **state)
{
	unsigned before;

	(void)state;
	mock_start(&(struct mock_config){.cpus = 3, .migrate = true});
	before = quarry_os_cpu();
	quarry_os_pin();
	assert_int_not_equal(quarry_os_cpu(), before);
	before = quarry_os_cpu();
	quarry_os_pin();
	assert_int_equal(quarry_os_cpu(), before);
	quarry_os_unpin();
	quarry_os_unpin();
	mock_stop();
}

/* ---- hooks that are counted, deferred work, reports, failure sites
 * ------------------------------- */

static unsigned order[3], nr_done;

static void work(void *arg)
{
	order[nr_done++] = (unsigned)(uintptr_t)arg;
}

static void m20_deferred_work_runs_once_in_order(void **state)
{
	(void)state;
	mock_start(NULL);
	nr_done = 0;
	mock_world.ops.defer(work, (void *)1);
	mock_world.ops.defer(work, (void *)2);
	mock_world.ops.defer(work, (void *)1);
	assert_int_equal(nr_done, 0);
	assert_int_equal(mock_run_deferred(), 2);
	assert_int_equal(nr_done, 2);
	assert_int_equal(order[0], 1);
	assert_int_equal(order[1], 2);
	mock_stop();
}

static void m21_hook_calls_are_counted(void **state)
{
	(void)state;
	mock_start(NULL);
	mock_hook_reset();
	arch_irq_restore(arch_irq_save());
	quarry_os_pin();
	quarry_os_unpin();
	quarry_os_pin();
	quarry_os_unpin();
	assert_int_equal(mock_hook_count(MOCK_IRQ_SAVE), 1);
	assert_int_equal(mock_hook_count(MOCK_PIN), 2);
	assert_int_equal(mock_hook_count(MOCK_LOG), 0);
	mock_stop();
}

static void stop(void *arg)
{
	(void)arg;
	mock_stop();
}

static void report(enum quarry_rule rule)
{
	const struct quarry_report report = {.rule = rule, .call = "test"};

	mock_world.ops.report(&report);
}

static void m22_reports_must_be_expected(void **state)
{
	(void)state;
	mock_start(NULL);
	mock_expect_report(QUARRY_RULE_BAD_ORDER, 2);
	report(QUARRY_RULE_BAD_ORDER);
	report(QUARRY_RULE_BAD_ORDER);
	assert_int_equal(mock_reports(QUARRY_RULE_BAD_ORDER), 2);
	assert_int_equal(mock_last_report()->rule, QUARRY_RULE_BAD_ORDER);
	mock_stop();

	mock_start(NULL);
	report(QUARRY_RULE_FREE_TWICE);
	check_fails(stop, NULL, "1 unexpected reports");
	mock_abandon();

	mock_start(NULL);
	mock_expect_report(QUARRY_RULE_FREE_TWICE, 1);
	check_fails(stop, NULL, "did not come");
	mock_abandon();

	/* An expectation comes before its report. */
	mock_start(NULL);
	report(QUARRY_RULE_FREE_TWICE);
	mock_expect_report(QUARRY_RULE_FREE_TWICE, 1);
	check_fails(stop, NULL, "unexpected");
	mock_abandon();
}

static void m23_the_nth_pass_of_a_site_fails(void **state)
{
	bool (*fault)(unsigned site);

	(void)state;
	mock_start(NULL);
	fault = mock_world.ops.fault;
	mock_fail_site(3, 2, false);
	assert_false(fault(3));
	assert_false(fault(2));
	assert_true(fault(3));
	assert_false(fault(3));
	mock_fail_site(-1, 1, true);
	assert_true(fault(1));
	assert_true(fault(2));
	mock_fail_site(-1, 0, false);
	assert_false(fault(1));
	assert_int_equal(mock_fault_passes(3), 3);
	mock_stop();
}

/* ---- the checks at the end
 * ------------------------------------------------------------------------ */

static void m30_a_leaked_page_fails_the_stop(void **state)
{
	struct page *page;

	(void)state;
	mock_start(NULL);
	page = alloc_pages(GFP_KERNEL, 0);
	check_fails(stop, NULL, "pages are free");
	__free_pages(page, 0);
	mock_stop();
}

static void m31_open_states_fail_the_stop(void **state)
{
	unsigned long irq;

	(void)state;
	mock_start(NULL);
	irq = arch_irq_save();
	check_fails(stop, NULL, "still masked");
	arch_irq_restore(irq);
	quarry_os_pin();
	check_fails(stop, NULL, "without an unpin");
	quarry_os_unpin();
	*quarry_os_task_word() = 4;
	check_fails(stop, NULL, "scope was left open");
	*quarry_os_task_word() = 0;
	mock_stop();
}

static void m32_a_map_without_memory_is_refused(void **state)
{
	const struct quarry_mem_range map = {0, 0, QUARRY_MEM_USABLE, 0};

	(void)state;
	mock_expect_report(QUARRY_RULE_MAP_EMPTY, 1);
	assert_int_equal(mock_try_start(&(struct mock_config){.map = &map, .nr_map = 1}),
			 -QUARRY_EINVAL);
	mock_stop();
}

/* ---- state
 * ------------------------------------------------------------------------------------------ */

static void m40_a_restored_world_is_the_saved_one(void **state)
{
	uint64_t before;
	unsigned long free_before, page;

	(void)state;
	mock_start(NULL);
	page = get_zeroed_page(GFP_KERNEL);
	strcpy((char *)page, "saved");
	before = mock_state_hash();
	free_before = nr_free_pages();
	assert_true(mock_state_hash() == before);
	mock_snapshot();

	strcpy((char *)page, "other");
	assert_false(mock_state_hash() == before);
	free_pages(page, 0);
	for (int i = 0; i < 50; i++)
		assert_non_null(alloc_pages(GFP_KERNEL, 0));

	mock_restore();
	assert_true(mock_state_hash() == before);
	assert_int_equal(nr_free_pages(), free_before);
	assert_string_equal((char *)page, "saved");
	free_pages(page, 0);
	mock_stop();
}

static void m41_random_streams_repeat(void **state)
{
	uint64_t a = 7, b = 7, c = 8, first = mock_random(&a);

	(void)state;
	assert_true(first == mock_random(&b));
	assert_false(first == mock_random(&c));
	assert_false(first == mock_random(&a));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(m01_a_hole_of_the_map_faults),
		cmocka_unit_test(m02_a_large_machine_costs_what_is_touched),
		cmocka_unit_test(m03_a_new_world_has_zeroed_memory),
		cmocka_unit_test(m04_free_memory_is_poisoned_for_asan),
		cmocka_unit_test(m10_a_masked_interrupt_waits_for_the_unmask),
		cmocka_unit_test(m11_an_interrupt_comes_at_the_nth_hook_call),
		cmocka_unit_test(m12_contexts),
		cmocka_unit_test(m13_misuse_of_hooks_fails),
		cmocka_unit_test(m14_an_unpinned_task_migrates),
		cmocka_unit_test(m20_deferred_work_runs_once_in_order),
		cmocka_unit_test(m21_hook_calls_are_counted),
		cmocka_unit_test(m22_reports_must_be_expected),
		cmocka_unit_test(m23_the_nth_pass_of_a_site_fails),
		cmocka_unit_test(m30_a_leaked_page_fails_the_stop),
		cmocka_unit_test(m31_open_states_fail_the_stop),
		cmocka_unit_test(m32_a_map_without_memory_is_refused),
		cmocka_unit_test(m40_a_restored_world_is_the_saved_one),
		cmocka_unit_test(m41_random_streams_repeat),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
