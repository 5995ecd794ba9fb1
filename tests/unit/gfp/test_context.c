/* SPDX-License-Identifier: MIT */
/* test_context.c: the context lint finds what would go wrong one day, once a place. */
#include "tests/unit/phys/page_test.h"

#include "mm/gfp/context.h"

static QUARRY_NOINLINE void ask_from_one_place(gfp_t gfp)
{
	struct page *page = alloc_page(gfp);

	if (page)
		__free_page(page);
}

/* G23: a wrong place that is passed a thousand times makes one report; another mask, another. */
static void g023_once_a_place(void **state)
{
	(void)state;
	mock_start(NULL);
	mock_set_context(QUARRY_CTX_ATOMIC);
	mock_expect_report(QUARRY_RULE_BAD_CONTEXT, 2);
	for (unsigned i = 0; i < 1000; i++) {
		ask_from_one_place(GFP_KERNEL);
		ask_from_one_place(GFP_NOFS);
	}
	mock_expect_report(QUARRY_RULE_BAD_CONTEXT, 1);
	__free_page(alloc_page(GFP_KERNEL)); /* another place */
	mock_stop();
}

/* More wrong places than the table remembers: no report is lost. */
static void a_full_table_reports_each_time(void **state)
{
	(void)state;
	mock_start(NULL);
	mock_expect_report(QUARRY_RULE_BAD_CONTEXT, 5000);
	for (uintptr_t place = 1; place <= 5000; place++)
		lint_report(QUARRY_RULE_BAD_CONTEXT, "test", GFP_KERNEL, 0, place * 16);
	mock_stop();
}

/* G95: NORETRY may sleep all the same. */
static void g095_noretry_may_sleep(void **state)
{
	(void)state;
	mock_start(NULL);
	mock_set_context(QUARRY_CTX_IRQ);
	mock_expect_report(QUARRY_RULE_BAD_CONTEXT, 1);
	ask_from_one_place(GFP_KERNEL | __GFP_NORETRY);
	mock_stop();
}

/* G46: while a lock is held that reclaim of file systems takes, GFP_KERNEL is reported and GFP_NOFS
 * is not; the same for IO. Scopes count as if they were in the mask. */
static void g046_reclaim_would_take_a_held_lock(void **state)
{
	(void)state;
	mock_start(NULL);
	fs_reclaim_acquire(GFP_KERNEL);
	ask_from_one_place(GFP_NOFS);
	ask_from_one_place(GFP_ATOMIC);
	unsigned scope = memalloc_nofs_save();
	ask_from_one_place(GFP_KERNEL);
	memalloc_nofs_restore(scope);
	scope = memalloc_noreclaim_save();
	ask_from_one_place(GFP_KERNEL);
	memalloc_noreclaim_restore(scope);
	mock_expect_report(QUARRY_RULE_REENTRY, 1);
	ask_from_one_place(GFP_KERNEL);
	ask_from_one_place(GFP_KERNEL);
	ask_from_one_place(GFP_KERNEL | __GFP_NOLOCKDEP);
	fs_reclaim_release(GFP_KERNEL);

	lint_forget();
	fs_reclaim_acquire(GFP_NOFS); /* a lock of the block layer's */
	ask_from_one_place(GFP_NOIO);
	mock_expect_report(QUARRY_RULE_REENTRY, 2);
	ask_from_one_place(GFP_NOFS);
	ask_from_one_place(GFP_KERNEL);
	fs_reclaim_release(GFP_NOFS);
	ask_from_one_place(GFP_KERNEL);
	mock_stop();
}

static void lock_notes_nest(void **state)
{
	(void)state;
	mock_start(NULL);
	for (unsigned i = 0; i < 15; i++) {
		fs_reclaim_acquire(GFP_KERNEL);
		fs_reclaim_acquire(GFP_NOFS);
	}
	fs_reclaim_acquire(GFP_ATOMIC); /* nothing that reclaim takes */
	fs_reclaim_release(GFP_ATOMIC);
	for (unsigned i = 0; i < 15; i++) {
		assert_true(gfp_reenters(GFP_KERNEL, scope_word()));
		fs_reclaim_release(GFP_NOFS);
		fs_reclaim_release(GFP_KERNEL);
	}
	assert_int_equal(scope_word(), 0);
	mock_stop();
}

/* The lint judges paths that are not taken today. */
static void might_alloc_judges_without_a_request(void **state)
{
	(void)state;
	mock_start(NULL);
	might_alloc(GFP_KERNEL);
	mock_set_context(QUARRY_CTX_ATOMIC);
	might_alloc(GFP_ATOMIC);
	mock_expect_report(QUARRY_RULE_BAD_CONTEXT, 1);
	might_alloc(GFP_KERNEL);
	mock_set_context(0);
	fs_reclaim_acquire(GFP_KERNEL);
	mock_expect_report(QUARRY_RULE_REENTRY, 1);
	might_alloc(GFP_KERNEL);
	fs_reclaim_release(GFP_KERNEL);
	mock_stop();
}

/* G101, G103: what NOFAIL cannot promise is said. */
static void g103_nofail_misuse(void **state)
{
	(void)state;
	for (unsigned parked = 0; parked < 2; parked++) {
		mock_start(&(struct mock_config){.extra = {.no_parking = !parked}});
		__free_pages(alloc_pages(GFP_KERNEL, 4), 4);
		ask_from_one_place(GFP_KERNEL | __GFP_NOFAIL);
		__free_pages(alloc_pages(GFP_KERNEL | __GFP_NOFAIL, 1), 1);
		mock_expect_report(QUARRY_RULE_NOFAIL, 2);
		__free_pages(alloc_pages(GFP_KERNEL | __GFP_NOFAIL, 4), 4);
		ask_from_one_place(GFP_NOWAIT | __GFP_NOFAIL);
		mock_stop();
	}
}

static void waiting_to_ask_again(void **state)
{
	(void)state;
	mock_start(NULL);
	unsigned long before = mock_hook_count(MOCK_SLEEP);
	memalloc_retry_wait(GFP_NOWAIT);
	assert_int_equal(mock_hook_count(MOCK_SLEEP), before);
	memalloc_retry_wait(GFP_KERNEL);
	assert_int_equal(mock_hook_count(MOCK_SLEEP), before + 1);
	mock_set_context(QUARRY_CTX_ATOMIC);
	memalloc_retry_wait(GFP_KERNEL);
	assert_int_equal(mock_hook_count(MOCK_SLEEP), before + 1);
	mock_stop();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(g023_once_a_place),
		cmocka_unit_test(a_full_table_reports_each_time),
		cmocka_unit_test(g095_noretry_may_sleep),
		cmocka_unit_test(g046_reclaim_would_take_a_held_lock),
		cmocka_unit_test(lock_notes_nest),
		cmocka_unit_test(might_alloc_judges_without_a_request),
		cmocka_unit_test(g103_nofail_misuse),
		cmocka_unit_test(waiting_to_ask_again),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
