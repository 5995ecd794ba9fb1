/* SPDX-License-Identifier: MIT */
/*
 * test_compact.c: two scanners, who compacts when, and the thread.
 */
#define MOCK_OWNER_THREADS 0
#include "mm/reclaim/compact.h"
#include "mm/reclaim/compact_zone.h"
#include "tests/unit/reclaim/owner.h"

#define BASE (4 * MOCK_GIB)

static void start(uint64_t bytes)
{
	owner_reset();
	mock_start(
		&(struct mock_config){.base = BASE, .bytes = bytes, .extra = {.no_parking = true}});
}
static void stop(void)
{
	owner_check_all();
	owner_free_all();
	free_held();
	mock_stop();
}

/* Fill memory with movable blocks of one order, down to its last pages. Return: slots used. */
static unsigned fill(unsigned order)
{
	unsigned n = 0;

	while (n < OWNER_SLOTS && owner_take(n, order, GFP_HIGHUSER_MOVABLE | __GFP_NOWARN))
		n++;
	return n;
}

/* Free pages in blocks of `order` or more, in per cent. */
static unsigned share(unsigned order)
{
	unsigned long large = 0;

	drain_all_pages();
	for_every_populated_zone (zone)
		for (unsigned o = order; o < NR_PAGE_ORDERS; o++)
			large += buddy_count(zone, o) << o;
	return (unsigned)(large * 100 / nr_free_pages());
}

static struct page_request request_of(unsigned order, gfp_t gfp)
{
	return (struct page_request){.gfp = gfp,
				     .order = order,
				     .highest = gfp_zone(gfp),
				     .type = gfp_migratetype(gfp),
				     .call = "test"};
}

/* Three of four pages stay in use, so that no block of two is free anywhere. */
static unsigned fragment(void)
{
	unsigned n = fill(0);

	hold_all(ATOMIC_ALL, 0); /* what the marks keep */
	for (unsigned i = 0; i < n; i += 4)
		owner_free(i);
	assert_int_equal(share(1), 0);
	return n;
}

/* A movable page of a request for user memory lies among movable ones; compaction moves it,
 * through its owner, to another frame with the same contents. */
static void g038_movable_pages_move(void **state)
{
	(void)state;
	start(32 * MOCK_MIB);
	unsigned n = fragment();
	struct page *before[64];
	for (unsigned i = 0; i < 64; i++) {
		/* Memory is handed out from the top: the last ones lie low. */
		before[i] = owner.slot[(n - 2048 - 4 * i) / 4 * 4 + 1].page;
		assert_int_equal(pageblock_mobility(page_to_pfn(before[i])), MIGRATE_MOVABLE);
	}
	quarry_compact_node(NUMA_NO_NODE);
	unsigned moved = 0;
	for (unsigned i = 0; i < 64; i++)
		moved += owner.slot[(n - 2048 - 4 * i) / 4 * 4 + 1].page != before[i];
	assert_true(owner.migrated > n / 8);
	assert_true(moved > 0);
	assert_int_equal(mm_check(), 0);
	stop();
}

/* GFP_HIGHUSER: never in ZONE_MOVABLE, and a hundred rounds of compaction leave it where it is. */
static void g040_highuser_stays(void **state)
{
	struct page *fixed[100];
	uint64_t random = 4;
	(void)state;
	owner_reset();
	mock_start(&(struct mock_config){
		.base = BASE,
		.bytes = 48 * MOCK_MIB,
		.extra = {.no_parking = true, .movable_bytes = 16 * MOCK_MIB}});
	for (unsigned i = 0; i < 100; i++) {
		fixed[i] = alloc_page(GFP_HIGHUSER);
		assert_non_null(fixed[i]);
		assert_int_not_equal(page_zonenum(fixed[i]), ZONE_MOVABLE);
		memset(page_address(fixed[i]), (int)i, PAGE_SIZE);
	}
	unsigned n = fill(0);
	for (unsigned round = 0; round < 100; round++) {
		for (unsigned i = 0; i < 50; i++)
			owner_free((unsigned)(mock_random(&random) % n));
		quarry_compact_node(0);
	}
	assert_true(owner.migrated > 0);
	for (unsigned i = 0; i < 100; i++) {
		assert_int_equal(page_kind(fixed[i]), QUARRY_PAGE_USED);
		assert_int_equal(*(unsigned char *)page_address(fixed[i]), i);
		__free_page(fixed[i]);
	}
	stop();
}

/* Blocks of mixed orders, a random half freed: next to nothing is left in large blocks; compacted,
 * nearly everything. */
static void half_of_memory(void **state)
{
	uint64_t random = 1;
	unsigned n = 0;
	(void)state;
	start(256 * MOCK_MIB);
	for (bool room = true; room && n < OWNER_SLOTS;) {
		unsigned order = (unsigned)(mock_random(&random) % 6);
		room = owner_take(n, order, GFP_HIGHUSER_MOVABLE | __GFP_NOWARN);
		n += room;
	}
	for (unsigned i = 0; i < n; i++)
		if (mock_random(&random) % 2)
			owner_free(i);
	unsigned before = share(9);
	quarry_compact_node(NUMA_NO_NODE);
	unsigned after = share(9);
	print_message("# order 9 and more: %u %% before, %u %% after, %lu blocks moved\n", before,
		      after, owner.migrated);
	assert_true(before < 25);
	assert_true(after >= 95);
	assert_int_equal(mm_check(), 0);
	stop();
}

/* A request's compaction ends as soon as there is a block for it. */
static void a_request_gets_its_block(void **state)
{
	(void)state;
	for (unsigned order = 1; order <= 9; order++) {
		start(64 * MOCK_MIB);
		unsigned n = fragment();
		struct page_request request = request_of(order, GFP_KERNEL);
		assert_null(freepage_take(&request, MARK_MIN, RESERVE_NONE));
		assert_int_equal(compact_zones_for(&request, COMPACT_PRIO_ASYNC), COMPACT_SUCCESS);
		assert_true(order == 9 || owner.migrated < n / 4);
		struct page *page = freepage_take(&request, MARK_MIN, RESERVE_NONE);
		assert_non_null(page);
		assert_int_equal(page_order(page), order);
		assert_int_equal(compact_stat().stall, 1);
		assert_int_equal(compact_stat().success, 1);
		__free_pages(page, order);
		stop();
	}
}

/* One page that stays in each run of frames: nothing is moved in vain. */
static void hopeless_runs_are_left_alone(void **state)
{
	(void)state;
	start(32 * MOCK_MIB);
	unsigned n = fragment();
	for (unsigned i = 0; i < n; i++)
		if (owner.slot[i].page && page_to_pfn(owner.slot[i].page) % 8 == 5)
			owner_pin(i, true);
	unsigned long moved = owner.migrated;
	struct page_request request = request_of(3, GFP_KERNEL);
	enum compact_result result = compact_zones_for(&request, COMPACT_PRIO_LIGHT);
	assert_true(result == COMPACT_COMPLETE || result == COMPACT_SUCCESS);
	if (result == COMPACT_COMPLETE)
		assert_int_equal(owner.migrated, moved);
	request.order = 2;
	assert_int_equal(compact_zones_for(&request, COMPACT_PRIO_LIGHT), COMPACT_SUCCESS);
	assert_true(owner.migrated > moved);
	assert_int_equal(mm_check(), 0);
	stop();
}

/* Why a zone is not compacted. */
static void what_is_suitable(void **state)
{
	(void)state;
	start(64 * MOCK_MIB);
	struct zone *zone = zone_of(ZONE_NORMAL);
	struct page_request request = request_of(9, GFP_KERNEL);
	assert_int_equal(compaction_suitable(zone, 9, ZONE_NORMAL), COMPACT_SUCCESS);
	assert_int_equal(compact_zones_for(&request, COMPACT_PRIO_ASYNC), COMPACT_SUCCESS);
	assert_int_equal(owner.migrated, 0);
	request.order = 0;
	assert_int_equal(compact_zones_for(&request, COMPACT_PRIO_ASYNC), COMPACT_SKIPPED);
	request = request_of(3, GFP_NOIO);
	assert_int_equal(compact_zones_for(&request, COMPACT_PRIO_ASYNC), COMPACT_SKIPPED);

	unsigned n = fill(0);
	hold_all(ATOMIC_ALL, 0);
	assert_int_equal(compaction_suitable(zone, 3, ZONE_NORMAL), COMPACT_SKIPPED);
	for (unsigned i = 0; i < n; i += 4)
		owner_free(i);
	assert_int_equal(compaction_suitable(zone, 3, ZONE_NORMAL), COMPACT_CONTINUE);
	assert_int_equal(compaction_suitable(zone, 9, ZONE_NORMAL), COMPACT_CONTINUE);
	struct quarry_tunables tunables;
	quarry_get_tunables(&tunables);
	assert_int_equal(tunables.extfrag_threshold, 500);
	tunables.extfrag_threshold = 1000;
	assert_int_equal(quarry_set_tunables(&tunables), 0);
	assert_int_equal(compaction_suitable(zone, 9, ZONE_NORMAL), COMPACT_NOT_SUITABLE_ZONE);
	assert_int_equal(compaction_suitable(zone, 3, ZONE_NORMAL), COMPACT_CONTINUE);
	mock_expect_report(QUARRY_RULE_BAD_ARGUMENT, 2);
	tunables.extfrag_threshold = 1001;
	assert_int_equal(quarry_set_tunables(&tunables), -QUARRY_EINVAL);
	tunables.extfrag_threshold = 500;
	tunables.compaction_proactiveness = 101;
	assert_int_equal(quarry_set_tunables(&tunables), -QUARRY_EINVAL);
	stop();
}

/* After a failure a zone is left out once, then 3 times, 7 times, ... 63 times; a success ends
 * it. */
static void failures_defer(void **state)
{
	(void)state;
	start(32 * MOCK_MIB);
	fragment();
	owner.refuse = 1;
	struct page_request request = request_of(4, GFP_KERNEL);
	for (unsigned shift = 1; shift <= 8; shift++) {
		assert_int_equal(compact_zones_for(&request, COMPACT_PRIO_LIGHT), COMPACT_COMPLETE);
		unsigned skipped = shift < 6 ? (1u << shift) - 1 : 63;
		for (unsigned i = 0; i < skipped; i++)
			assert_int_equal(compact_zones_for(&request, COMPACT_PRIO_LIGHT),
					 COMPACT_DEFERRED);
	}
	/* Smaller blocks are not deferred; the last resort never is. */
	owner.refuse = 0;
	assert_int_equal(compact_zones_for(&request, COMPACT_PRIO_FULL), COMPACT_SUCCESS);
	stop();
}

/* An owner that compacts while it moves a page: the inner run is told that there is one. */
static enum compact_result inner;
static void compact_inside(unsigned slot)
{
	struct compact_run run = {
		.zone = zone_of(ZONE_NORMAL), .order = COMPACT_WHOLE, .budget = ~0ul};

	(void)slot;
	inner = compact_zone(&run);
}
static void one_run_at_a_time(void **state)
{
	(void)state;
	start(32 * MOCK_MIB);
	fragment();
	owner.during = compact_inside;
	quarry_compact_node(0);
	assert_int_equal(inner, COMPACT_CONTENDED);
	owner.during = NULL;
	stop();
}

/* The minimum mark is kept free of captures; every other page may be in use meanwhile. */
static void nearly_full(void **state)
{
	(void)state;
	start(32 * MOCK_MIB);
	unsigned n = fill(0);
	unsigned long free = nr_free_pages();
	for (unsigned i = 0; i < 8; i++)
		owner_free(n / 2 + 2 * i);
	quarry_compact_node(0);
	assert_int_equal(nr_free_pages(), free + 8);
	assert_int_equal(mm_check(), 0);
	stop();
}

/* ---- the thread ---- */

static unsigned wakes;
static unsigned waits;
static bool on_wait(unsigned node)
{
	wakeup_kcompactd(node, 9, ZONE_NORMAL); /* while it sleeps */
	return ++waits < 3;
}
static void on_wake(unsigned node)
{
	assert_int_equal(node, 0);
	wakes++;
}

/* Wakes are coalesced and legal in interrupts; steps work in portions until the wish is
 * fulfilled. */
static void wake_in_irq(void *arg)
{
	(void)arg;
	wakeup_kcompactd(0, 9, ZONE_NORMAL);
}
static void the_thread_fulfils_wishes(void **state)
{
	(void)state;
	start(128 * MOCK_MIB);
	mm_ops.kcompactd_wake = on_wake;
	wakes = 0;
	assert_false(quarry_kcompactd_step(0));
	fragment();
	wakeup_kcompactd(0, 0, ZONE_NORMAL);
	assert_int_equal(wakes, 0);
	wakeup_kcompactd(0, 3, ZONE_NORMAL);
	mock_interrupt(wake_in_irq, NULL);
	wakeup_kcompactd(0, 2, ZONE_DMA);
	assert_int_equal(wakes, 1);
	unsigned steps = 1;
	while (quarry_kcompactd_step(0))
		steps++;
	assert_true(buddy_count(zone_of(ZONE_NORMAL), 9) + buddy_count(zone_of(ZONE_NORMAL), 10) >
		    0);
	assert_true(compact_stat().daemon_wake >= 1);
	assert_true(compact_stat().daemon_migrate_scanned > 0);
	assert_int_equal(compact_stat().stall, 0);
	wakeup_kcompactd(0, 9, ZONE_NORMAL);
	assert_int_equal(wakes, 2);
	waits = 0;
	mm_ops.kcompactd_wait = on_wait;
	quarry_kcompactd(0);
	assert_int_equal(waits, 3);
	wakeup_kcompactd(0, 9, ZONE_NORMAL);
	assert_int_equal(wakes, 5);
	mock_expect_report(QUARRY_RULE_BAD_ARGUMENT, 3);
	assert_false(quarry_kswapd_step(QUARRY_MAX_NODES));
	assert_false(quarry_kcompactd_step(-1));
	assert_false(quarry_kcompactd_step(QUARRY_MAX_NODES));
	stop();
}

/* Without any wish it keeps large blocks at hand, unless it is told not to. */
static void the_thread_looks_ahead(void **state)
{
	struct quarry_tunables tunables;
	(void)state;
	start(64 * MOCK_MIB);
	unsigned n = fill(0);
	for (unsigned i = 0; i < n; i++)
		if (i % 3 == 0)
			owner_free(i);
	assert_int_equal(share(9), 0);
	quarry_get_tunables(&tunables);
	tunables.compaction_proactiveness = 0;
	assert_int_equal(quarry_set_tunables(&tunables), 0);
	quarry_kcompactd(0);
	assert_int_equal(owner.migrated, 0);
	tunables.compaction_proactiveness = 20;
	assert_int_equal(quarry_set_tunables(&tunables), 0);
	quarry_kcompactd(0);
	assert_true(share(9) >= 20);
	unsigned long migrated = owner.migrated;
	quarry_kcompactd(0);
	assert_int_equal(owner.migrated, migrated);
	stop();
}

static void compact_in_irq(void *arg)
{
	(void)arg;
	quarry_compact_node(0);
	quarry_kcompactd_step(0);
	quarry_kswapd_step(0);
}
static void not_in_interrupts(void **state)
{
	(void)state;
	start(32 * MOCK_MIB);
	mock_expect_report(QUARRY_RULE_BAD_CONTEXT, 3);
	mock_interrupt(compact_in_irq, NULL);
	stop();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		page_test(g038_movable_pages_move),
		page_test(g040_highuser_stays),
		page_test(half_of_memory),
		page_test(a_request_gets_its_block),
		page_test(hopeless_runs_are_left_alone),
		page_test(what_is_suitable),
		page_test(failures_defer),
		page_test(one_run_at_a_time),
		page_test(nearly_full),
		page_test(the_thread_fulfils_wishes),
		page_test(the_thread_looks_ahead),
		page_test(not_in_interrupts),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
