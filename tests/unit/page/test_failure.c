/* SPDX-License-Identifier: MIT */
/* test_failure.c: why a request failed, as a code, a record and a sentence; gfp_explain. */
#include "tests/unit/reclaim/pressure_test.h"

#include "mm/base/fault.h"

static char text[8192];
static void collect_text(void *ctx, const char *piece)
{
	(void)ctx;
	assert_true(strlen(text) + strlen(piece) < sizeof(text));
	strcat(text, piece);
}

static const char *explain(gfp_t gfp, unsigned order, unsigned context)
{
	text[0] = 0;
	gfp_explain(gfp, order, context, collect_text, NULL);
	return text;
}

static struct quarry_failure last(void)
{
	struct quarry_failure failure;

	assert_true(quarry_last_failure(&failure));
	return failure;
}

static enum quarry_oom_result cannot(const struct quarry_oom *request)
{
	(void)request;
	return QUARRY_OOM_CANNOT;
}

/* Every mask that ends on another rung has another reason. */
static void reasons_name_the_last_rung(void **state)
{
	static const struct {
		gfp_t gfp;
		unsigned order;
		enum quarry_fail_reason reason;
	} rows[] = {
		{GFP_NOWAIT, 0, QUARRY_FAIL_NO_RECLAIM},
		{GFP_KERNEL & ~__GFP_RECLAIM, 0, QUARRY_FAIL_NO_RECLAIM},
		{GFP_KERNEL | __GFP_NORETRY, 0, QUARRY_FAIL_NORETRY},
		{GFP_KERNEL, 4, QUARRY_FAIL_COSTLY},
		{GFP_KERNEL | __GFP_RETRY_MAYFAIL, 0, QUARRY_FAIL_MAYFAIL},
		{GFP_KERNEL | __GFP_THISNODE, 0, QUARRY_FAIL_THISNODE},
		{GFP_KERNEL, 0, QUARRY_FAIL_OOM},
	};
	struct quarry_failure failure;
	(void)state;
	start_at(300, 0);
	assert_false(quarry_last_failure(&failure));
	mock_reclaim()->oom = cannot;
	mock_reclaim_changed();
	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_false(ask_order(rows[i].gfp | __GFP_NOWARN, rows[i].order).page);
		failure = last();
		assert_int_equal(failure.reason, rows[i].reason);
		assert_int_equal(failure.number, i + 1);
		assert_int_equal(failure.order, rows[i].order);
		assert_string_equal(failure.call, "alloc_pages");
		assert_int_equal(failure.nr_zones, 1);
		assert_int_equal(failure.zone[0].free, 300);
		assert_int_equal(failure.zone[0].floor, 512);
		assert_int_equal(failure.zone[0].refusal, QUARRY_ZONE_AT_FLOOR);
	}
	assert_int_equal(failure.ooms, 1);
	assert_int_equal(failure.rounds, 1);
	mock_reclaim()->victim = true;
	while (ask(GFP_KERNEL).page)
		;
	assert_int_equal(last().reason, QUARRY_FAIL_VICTIM);
	unsigned scope = memalloc_noreclaim_save();
	while (ask(GFP_KERNEL).page)
		;
	assert_int_equal(last().reason, QUARRY_FAIL_IN_RECLAIM);
	memalloc_noreclaim_restore(scope);
	stop_pressure();
}

static void fragmented_is_told_from_exhausted(void **state)
{
	(void)state;
	start_reference_zone(false);
	/* Every second page is in use: plenty free, no block of two. */
	hold_all(GFP_KERNEL | __GFP_MEMALLOC | __GFP_NOWARN, 0);
	unsigned long nr = 0;
	for (unsigned long i = 0; i < hold.nr; i++) {
		if (page_to_pfn(hold.block[i].page) % 2)
			hold.block[nr++] = hold.block[i];
		else
			__free_page(hold.block[i].page);
	}
	hold.nr = nr;
	assert_false(ask_order(GFP_KERNEL | __GFP_NOWARN, 1).page);
	struct quarry_failure failure = last();
	assert_int_equal(failure.reason, QUARRY_FAIL_FRAGMENTED);
	assert_int_equal(failure.zone[0].refusal, QUARRY_ZONE_NO_BLOCK);
	assert_int_equal(failure.zone[0].largest, 0);
	free_held();
	mock_stop();
}

static void low_zones_early_and_absent_zones(void **state)
{
	(void)state;
	start_reference_zone(true);
	leave_free(zone_of(ZONE_NORMAL), 512);
	assert_false(ask(GFP_KERNEL).page);
	assert_int_equal(last().reason, QUARRY_FAIL_EARLY);
	assert_false(ask(GFP_DMA).page); /* the zone has no memory */
	assert_int_equal(last().reason, QUARRY_FAIL_NO_ZONE);
	stop_pressure();

	mock_start(&four_zones);
	mock_reclaim()->oom = cannot;
	mock_reclaim_changed();
	while (ask(GFP_KERNEL | GFP_DMA).page)
		;
	assert_int_equal(last().reason, QUARRY_FAIL_LOW_ZONE);
	stop_pressure();
}

/* Nobody can wait for a zone that is not there: not even who must not fail. */
static void nofail_without_a_zone_fails(void **state)
{
	(void)state;
	start_at(900, 0);
	assert_false(ask(GFP_KERNEL | GFP_DMA | __GFP_NOFAIL).page);
	assert_int_equal(last().reason, QUARRY_FAIL_NO_ZONE);
	assert_non_null(strstr(explain(GFP_KERNEL | GFP_DMA | __GFP_NOFAIL, 0, 0),
			       quarry_fail_text(QUARRY_FAIL_NO_ZONE)));
	assert_null(strstr(text, "start anew"));
	stop_pressure();
}

static void injected_failures_say_so(void **state)
{
	(void)state;
	mock_start(NULL);
	mock_fail_site(FAULT_PAGE, 1, false);
	assert_null(alloc_pages(GFP_KERNEL, 3));
	assert_int_equal(last().reason, QUARRY_FAIL_INJECTED);
	assert_int_equal(last().order, 3);
	mock_stop();
}

static void the_sentence(void **state)
{
	(void)state;
	start_at(300, 0);
	ask(GFP_NOWAIT);
	struct quarry_failure failure = last();
	text[0] = 0;
	quarry_print_failure(&failure, collect_text, NULL);
	assert_non_null(strstr(text, "page allocation failure: order:0, mode:0x"));
	assert_non_null(strstr(text, "GFP_NOWAIT"));
	assert_non_null(strstr(text, "The request failed because free memory is at the caller's "
				     "floor and the mask forbids to reclaim.\n"));
	assert_non_null(strstr(text, "free:1200kB floor:2048kB"));
	assert_non_null(strstr(text, "at its floor"));
	assert_string_equal(quarry_fail_text(QUARRY_NR_FAIL_REASONS), "unknown reason");
	stop_pressure();
}

/* G28: the block of lines comes once in ten seconds, the report each time. */
static void g028_one_block_in_ten_seconds(void **state)
{
	(void)state;
	start_at(192, 0);
	mock_expect_report(QUARRY_RULE_NO_MEMORY, 4);
	ask_order(GFP_ATOMIC, 0);
	ask_order(GFP_ATOMIC, 0);
	assert_int_equal(mock_log_lines("page allocation failure"), 1);
	mock_advance_ns(9000000000ull);
	ask_order(GFP_ATOMIC, 0);
	assert_int_equal(mock_log_lines("page allocation failure"), 1);
	mock_advance_ns(1000000000ull);
	ask_order(GFP_ATOMIC, 0);
	assert_int_equal(mock_log_lines("page allocation failure"), 2);
	stop_pressure();
}

static void explained_without_doing_it(void **state)
{
	(void)state;
	start_at(512, 1000);
	mock_hook_reset();
	unsigned long free = nr_free_pages();
	assert_non_null(strstr(explain(GFP_KERNEL, 0, 0), "rung: OOM, but there is nobody to ask"));
	mock_reclaim()->oom = cannot;
	mock_reclaim_changed();
	assert_non_null(strstr(explain(GFP_KERNEL, 0, 0), "rung: OOM, somebody may be killed"));
	assert_non_null(strstr(text, "at once above 640, then above 512"));
	assert_null(strstr(text, "move pages"));
	assert_non_null(strstr(explain(GFP_NOFS, 1, 0), "nobody is killed"));
	assert_non_null(strstr(text, "rung: move pages together"));
	assert_non_null(strstr(explain(GFP_ATOMIC, 0, QUARRY_CTX_IRQ), "then above 192"));
	assert_null(strstr(text, "reclaim,"));
	assert_non_null(strstr(explain(GFP_KERNEL, 0, QUARRY_CTX_ATOMIC), "reported"));
	assert_non_null(strstr(explain(GFP_KERNEL, 99, 0), "refused"));
	assert_non_null(strstr(explain(__GFP_DMA | __GFP_DMA32, 0, 0), "refused"));
	assert_non_null(strstr(explain(GFP_ATOMIC, 0, QUARRY_CTX_NMI), "nolock"));
	assert_non_null(strstr(explain(GFP_KERNEL | __GFP_NOFAIL, 0, 0), "start anew"));
	assert_non_null(strstr(explain(GFP_NOWAIT | __GFP_NOFAIL, 0, 0), "reported: it cannot"));
	assert_non_null(strstr(explain(__GFP_MOVABLE | __GFP_RECLAIMABLE, 0, 0), "no sense"));
	unsigned scope = memalloc_nofs_save();
	fs_reclaim_acquire(GFP_KERNEL);
	assert_non_null(strstr(explain(GFP_KERNEL, 0, 0), "scopes: leave"));
	assert_null(strstr(text, "lock that is held"));
	fs_reclaim_release(GFP_KERNEL);
	memalloc_nofs_restore(scope);
	assert_int_equal(nr_free_pages(), free);
	assert_int_equal(mock_hook_count(MOCK_KSWAPD_WAKE) + mock_hook_count(MOCK_RECLAIM), 0);
	stop_pressure();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		page_test(reasons_name_the_last_rung),
		page_test(fragmented_is_told_from_exhausted),
		page_test(low_zones_early_and_absent_zones),
		page_test(nofail_without_a_zone_fails),
		page_test(injected_failures_say_so),
		page_test(the_sentence),
		page_test(g028_one_block_in_ten_seconds),
		page_test(explained_without_doing_it),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
