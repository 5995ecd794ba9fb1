/* SPDX-License-Identifier: MIT */
/*
 * test_pressure.c: the seven modes of reclaim, row by row (spec 1D, 1F), on the reference zone:
 * min 512, low 640, high 768 pages.
 */
#include "tests/unit/reclaim/pressure_test.h"

static enum quarry_oom_result cannot(const struct quarry_oom *request)
{
	(void)request;
	return QUARRY_OOM_CANNOT;
}

static void with_oom(enum quarry_oom_result (*oom)(const struct quarry_oom *))
{
	mock_reclaim()->oom = oom;
	mock_reclaim_changed();
}

/* The last free page count at which `gfp` still got a page: its floor. */
static unsigned long floor_of(gfp_t gfp)
{
	while (ask(gfp).page)
		;
	return nr_free_pages();
}

/* ---- masks that cannot sleep ---- */

static void g025_g069_nowait_does_not_reclaim(void **state)
{
	(void)state;
	start_at(512, 1000);
	struct seen seen = ask(GFP_NOWAIT);
	assert_false(seen.page);
	assert_int_equal(seen.reclaims, 0);
	assert_int_equal(seen.sleeps, 0);
	assert_int_equal(mock_hook_count(MOCK_RECLAIM), 0);
	stop_pressure();
}

static void g027_nowait_fails_at_the_mark(void **state)
{
	(void)state;
	start_at(513, 0);
	assert_true(ask(GFP_NOWAIT).page);
	assert_int_equal(nr_free_pages(), 512);
	assert_false(ask(GFP_NOWAIT).page);
	stop_pressure();
}

static void g029_atomic_uses_the_reserve(void **state)
{
	(void)state;
	start_at(512, 0);
	assert_int_equal(floor_of(GFP_ATOMIC), 192);
	stop_pressure();
}

/* G65-G68: no reclaim bit at all: nobody is woken, nobody asked; the next one pays. */
static void g065_g066_g068_no_reclaim_at_all(void **state)
{
	const gfp_t gfp = GFP_KERNEL & ~__GFP_RECLAIM;
	(void)state;
	start_at(640, 1000);
	while (nr_free_pages() > 512) {
		struct seen seen = ask(gfp);
		assert_true(seen.page);
		assert_int_equal(seen.wakes + seen.reclaims + seen.ooms + seen.sleeps, 0);
	}
	struct seen seen = ask(gfp);
	assert_false(seen.page);
	assert_int_equal(seen.wakes + seen.reclaims + seen.ooms + seen.sleeps, 0);
	seen = ask(GFP_KERNEL); /* G68 */
	assert_true(seen.page && seen.reclaims >= 1);
	stop_pressure();
}

/* G70: the edge, to the page. */
static void g070_wake_exactly_at_low(void **state)
{
	(void)state;
	start_at(641, 0);
	struct seen seen = ask(GFP_NOWAIT);
	assert_true(seen.page && seen.wakes == 0);
	seen = ask(GFP_NOWAIT); /* 640 */
	assert_true(seen.page && seen.wakes == 1);
	seen = ask(GFP_NOWAIT);
	assert_true(seen.page && seen.wakes == 0); /* woken already */
	assert_int_equal(mock_kswapd(), 1);
	assert_int_equal(ask(GFP_NOWAIT).wakes, 1);
	stop_pressure();
}

/* G71: one eligible zone with memory is enough to let kswapd sleep. */
static void g071_only_if_every_zone_is_low(void **state)
{
	(void)state;
	mock_start(&four_zones);
	mock_reclaim()->kswapd = true;
	mock_reclaim_changed();
	mock_hook_reset();
	struct page *page;
	bool dma32 = false;
	while (!mock_hook_count(MOCK_KSWAPD_WAKE)) {
		page = alloc_page(GFP_NOWAIT);
		assert_non_null(page);
		dma32 |= page_zonenum(page) < ZONE_NORMAL;
		hold_block(page, 0);
	}
	assert_true(dma32);
	for_every_populated_zone (zone)
		if (zone->type <= ZONE_NORMAL)
			assert_true(zone_free(zone) <= watermark_floor(zone, MARK_LOW, RESERVE_NONE,
								       ZONE_NORMAL));
	stop_pressure();
}

/* G72: the two spellings of one meaning act alike at every level. */
static void g072_spellings_agree(void **state)
{
	static const gfp_t pair[2][2] = {
		{GFP_NOWAIT, (GFP_KERNEL & ~__GFP_DIRECT_RECLAIM) | __GFP_NOWARN},
		{GFP_ATOMIC | __GFP_NOWARN,
		 ((GFP_KERNEL | __GFP_HIGH) & ~__GFP_DIRECT_RECLAIM) | __GFP_NOWARN},
	};
	(void)state;
	for (unsigned p = 0; p < 2; p++) {
		struct seen trace[2][701];
		unsigned long left[2];
		for (unsigned s = 0; s < 2; s++) {
			start_at(700, 0);
			mock_set_context(QUARRY_CTX_IRQ);
			for (unsigned i = 0; i < 701; i++)
				trace[s][i] = ask(pair[p][s]);
			mock_set_context(0);
			left[s] = nr_free_pages();
			stop_pressure();
		}
		assert_int_equal(left[0], left[1]);
		assert_memory_equal(trace[0], trace[1], sizeof(trace[0]));
	}
}

/* ---- reserves ---- */

static void g075_g076_g079_g080_depths(void **state)
{
	static const struct {
		gfp_t gfp;
		unsigned long floor;
	} rows[] = {
		{GFP_ATOMIC, 192},		     /* G75 */
		{GFP_KERNEL | __GFP_HIGH, 256},	     /* G76 */
		{GFP_KERNEL | __GFP_MEMALLOC, 0},    /* G80 */
		{GFP_KERNEL | __GFP_MEMALLOC | __GFP_NOMEMALLOC, 512}, /* G79 */
		{GFP_KERNEL, 512},
		{GFP_NOWAIT, 512},
	};
	(void)state;
	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		start_at(900, 0);
		assert_int_equal(floor_of(rows[i].gfp), rows[i].floor);
		stop_pressure();
	}
}

/* G53: in a noreclaim scope everything is there to take, and nothing is reclaimed; NOMEMALLOC wins
 * over the scope too. */
static void g053_noreclaim_scope(void **state)
{
	(void)state;
	start_at(100, 1000);
	unsigned scope = memalloc_noreclaim_save();
	assert_false(ask(GFP_KERNEL | __GFP_NOMEMALLOC).page);
	for (unsigned i = 0; i < 100; i++) {
		struct seen seen = ask(GFP_KERNEL);
		assert_true(seen.page && !seen.reclaims);
	}
	struct seen seen = ask(GFP_KERNEL);
	assert_true(!seen.page && !seen.reclaims);
	memalloc_noreclaim_restore(scope);
	stop_pressure();
}

static void take_in_interrupt(void *got)
{
	*(struct page **)got = alloc_page(GFP_NOWAIT);
}

/* The interrupted task's scope does not open the reserves to an interrupt. */
static void g051_interrupts_do_not_inherit_rights(void **state)
{
	struct page *page = NULL;
	(void)state;
	start_at(300, 0);
	unsigned scope = memalloc_noreclaim_save();
	mock_interrupt(take_in_interrupt, &page);
	assert_null(page);
	assert_true(ask(GFP_NOWAIT).page);
	memalloc_noreclaim_restore(scope);
	stop_pressure();
}

/* ---- direct reclaim ---- */

static void g064_g081_wake_then_reclaim(void **state)
{
	(void)state;
	start_at(640, 1000);
	struct seen seen = ask(GFP_KERNEL);
	assert_true(seen.page && seen.wakes >= 1 && !seen.reclaims);
	stop_pressure();
	start_at(512, 1000);
	seen = ask(GFP_KERNEL); /* G81 */
	assert_true(seen.page && seen.wakes >= 1 && seen.reclaims >= 1);
	stop_pressure();
}

/* A cache of single pages behind a shrinker. */
static struct {
	struct shrinker shrinker;
	struct page *chain;
	unsigned long pages, scans, depth, deepest, inner_failed;
	gfp_t gfp;
	bool needs_fs, allocates;
	unsigned refuse; /* scans that free nothing */
} cache;

static unsigned long cache_count(struct shrinker *shrinker, struct shrink_control *control)
{
	(void)shrinker;
	(void)control;
	return cache.pages;
}

static unsigned long cache_scan(struct shrinker *shrinker, struct shrink_control *control)
{
	unsigned long freed = 0;

	(void)shrinker;
	cache.scans++;
	cache.gfp = control->gfp_mask;
	if (cache.needs_fs && !gfp_has(control->gfp_mask, __GFP_FS))
		return SHRINK_STOP;
	if (++cache.depth > cache.deepest)
		cache.deepest = cache.depth;
	if (cache.allocates) {
		struct page *page = alloc_page(GFP_KERNEL | __GFP_NOWARN);
		if (page)
			__free_page(page);
		else
			cache.inner_failed++;
	}
	cache.depth--;
	if (cache.refuse) {
		cache.refuse--;
		return 0;
	}
	for (; freed < control->nr_to_scan && cache.chain; freed++) {
		struct page *page = cache.chain;
		cache.chain = page->mapping;
		__free_page(page);
	}
	cache.pages -= freed;
	return freed;
}

static void cache_start(unsigned long free, unsigned long pages)
{
	start_at(free + pages, 0);
	memset(&cache, 0, sizeof(cache));
	for (cache.pages = 0; cache.pages < pages; cache.pages++) {
		struct page *page = alloc_page(ATOMIC_ALL);
		page->mapping = cache.chain;
		cache.chain = page;
	}
	cache.shrinker.count_objects = cache_count;
	cache.shrinker.scan_objects = cache_scan;
	cache.shrinker.seeks = DEFAULT_SEEKS;
	assert_int_equal(register_shrinker(&cache.shrinker, "cache"), 0);
	assert_int_equal(nr_free_pages(), free);
}

static void cache_stop(void)
{
	unregister_shrinker(&cache.shrinker);
	while (cache.chain) {
		struct page *page = cache.chain;
		cache.chain = page->mapping;
		__free_page(page);
	}
	stop_pressure();
}

static void g022_a_shrinker_serves_a_request(void **state)
{
	(void)state;
	cache_start(512, 100);
	struct seen seen = ask(GFP_KERNEL);
	assert_true(seen.page && seen.reclaims >= 1 && cache.scans >= 1);
	assert_int_equal(seen.ooms, 0);
	cache_stop();
}

/* G26: the shrinker is never called from the caller that may not sleep. */
static void g026_nowait_enters_no_shrinker(void **state)
{
	(void)state;
	cache_start(512, 100);
	cache.needs_fs = true;
	ask(GFP_NOWAIT);
	ask(GFP_ATOMIC);
	assert_int_equal(cache.scans, 0);
	cache_stop();
}

static void g044_g048_noio_reaches_the_owners(void **state)
{
	(void)state;
	for (unsigned by_scope = 0; by_scope < 2; by_scope++) {
		gfp_t gfp = by_scope ? GFP_KERNEL : GFP_NOIO;
		cache_start(512, 100);
		unsigned scope = by_scope ? memalloc_noio_save() : 0;
		assert_true(ask(gfp).page);
		assert_false(gfp_has(cache.gfp, __GFP_IO | __GFP_FS));
		memalloc_noio_restore(scope);
		cache_stop();
		start_at(512, 1000);
		scope = by_scope ? memalloc_noio_save() : 0;
		assert_true(ask(gfp).page);
		assert_false(gfp_has(mock_reclaim()->last_gfp, __GFP_IO | __GFP_FS));
		memalloc_noio_restore(scope);
		stop_pressure();
	}
}

/* G45, G47: NOFS by mask or by scope. */
static void g045_g047_nofs_does_not_enter_fs(void **state)
{
	(void)state;
	for (unsigned by_scope = 0; by_scope < 2; by_scope++) {
		cache_start(512, 100);
		with_oom(NULL);
		cache.needs_fs = true;
		unsigned scope = by_scope ? memalloc_nofs_save() : 0;
		assert_false(ask(by_scope ? GFP_KERNEL : GFP_NOFS).page);
		assert_false(gfp_has(cache.gfp, __GFP_FS));
		assert_true(gfp_has(cache.gfp, __GFP_IO));
		assert_int_equal(cache.pages, 100);
		memalloc_nofs_restore(scope);
		assert_true(ask(GFP_KERNEL).page);
		cache_stop();
	}
}

/* G106: what a shrinker allocates comes from the reserves and starts no reclaim. */
static void g106_recursion_is_cut(void **state)
{
	(void)state;
	cache_start(512, 1000);
	cache.allocates = true;
	assert_true(ask(GFP_KERNEL).page);
	assert_int_equal(cache.deepest, 1);
	assert_int_equal(cache.inner_failed, 0);
	assert_false(scope_in_reclaim());
	cache_stop();
}

/* ---- retry ---- */

/* G86: owners claim plenty and free nothing: 17 rounds, then OOM. */
static void g086_sixteen_fruitless_rounds(void **state)
{
	(void)state;
	start_at(512, 0);
	with_oom(cannot);
	mock_reclaim()->claimed = 10000;
	struct seen seen = ask(GFP_KERNEL);
	assert_false(seen.page);
	assert_int_equal(seen.reclaims, 17);
	assert_int_equal(seen.ooms, 1);
	stop_pressure();
}

static unsigned long one_page_a_round(const struct quarry_reclaim *want)
{
	static unsigned long last;
	unsigned long now = reclaim_counted(RECLAIM_DIRECT).rounds;
	(void)want;
	if (now == last || !mock_reclaim()->chain)
		return 0;
	last = now;
	struct page *page = mock_reclaim()->chain;
	mock_reclaim()->chain = page->mapping;
	mock_reclaim()->pages--;
	__free_page(page);
	return 1;
}

/* ... a page each round: as long as it takes, and no OOM. */
static void g086_progress_resets_the_count(void **state)
{
	(void)state;
	start_at(400, 1000);
	with_oom(cannot);
	mm_ops.reclaim = one_page_a_round;
	struct seen seen = ask(GFP_KERNEL);
	assert_true(seen.page);
	assert_int_equal(seen.reclaims, 113);
	assert_int_equal(seen.ooms, 0);
	stop_pressure();
}

static void g087_if_everything_would_not_help(void **state)
{
	(void)state;
	start_at(412, 0);
	with_oom(cannot);
	mock_reclaim()->claimed = 10; /* 101 are needed */
	struct seen seen = ask(GFP_KERNEL);
	assert_false(seen.page);
	assert_int_equal(seen.reclaims, 1);
	assert_int_equal(seen.ooms, 1);
	stop_pressure();
}

static void g092_g094_noretry_tries_once(void **state)
{
	(void)state;
	start_at(512, 0);
	with_oom(cannot);
	mock_reclaim()->claimed = 10000;
	struct seen seen = ask(GFP_KERNEL | __GFP_NORETRY);
	assert_false(seen.page);
	assert_int_equal(seen.reclaims, 1); /* G93 */
	assert_int_equal(seen.ooms, 0);	    /* G94 */
	stop_pressure();
}

static void g096_retry_mayfail_tries_hard(void **state)
{
	(void)state;
	for (unsigned hard = 0; hard < 2; hard++) {
		cache_start(512, 64); /* below a batch: one scan a round */
		cache.refuse = 5;
		struct seen seen =
			ask(GFP_KERNEL | (hard ? __GFP_RETRY_MAYFAIL : __GFP_NORETRY));
		assert_int_equal(seen.page, hard);
		assert_int_equal(seen.ooms, 0);
		cache_stop();
	}
}

static void g097_g098_retry_mayfail_fails_without_progress(void **state)
{
	(void)state;
	start_at(512, 0);
	with_oom(cannot);
	mock_reclaim()->claimed = 10000;
	struct seen seen = ask(GFP_KERNEL | __GFP_RETRY_MAYFAIL);
	assert_false(seen.page);
	assert_int_equal(seen.reclaims, 17);
	assert_int_equal(seen.ooms, 0); /* G98 */
	stop_pressure();
}

/* ---- OOM ---- */

static unsigned kills_needed, kills;
static enum quarry_oom_result kth_kill_frees(const struct quarry_oom *request)
{
	(void)request;
	if (++kills == kills_needed)
		free_some(1000);
	return QUARRY_OOM_KILLED;
}

static void g082_small_orders_hardly_fail(void **state)
{
	(void)state;
	for (unsigned order = 0; order <= 3; order++) {
		for (kills_needed = 1; kills_needed <= 4; kills_needed++) {
			kills = 0;
			start_at(300, 0);
			with_oom(kth_kill_frees);
			struct seen seen = ask_order(GFP_KERNEL, order);
			assert_true(seen.page);
			assert_int_equal(seen.ooms, kills_needed);
			stop_pressure();
		}
	}
}

static void g083_costly_orders_give_up(void **state)
{
	(void)state;
	start_at(300, 0);
	with_oom(kth_kill_frees);
	mock_reclaim()->claimed = 10000;
	struct seen seen = ask_order(GFP_KERNEL | __GFP_NOWARN, 4);
	assert_false(seen.page);
	assert_int_equal(seen.ooms, 0);
	assert_int_equal(seen.reclaims, 1);
	stop_pressure();
}

static void g085_a_victim_may_fail(void **state)
{
	(void)state;
	start_at(400, 0);
	with_oom(cannot);
	mock_reclaim()->victim = true;
	while (nr_free_pages() > 256)
		assert_true(ask(GFP_KERNEL).page);
	struct seen seen = ask(GFP_KERNEL);
	assert_true(!seen.page && !seen.ooms);
	stop_pressure();
}

static void g088_low_zones_are_not_worth_a_kill(void **state)
{
	(void)state;
	mock_start(&four_zones);
	mock_reclaim()->oom = cannot;
	mock_reclaim_changed();
	struct seen seen;
	do
		seen = ask(GFP_KERNEL | GFP_DMA);
	while (seen.page);
	assert_int_equal(seen.ooms, 0);
	stop_pressure();
}

static unsigned asked_without_fs;
static enum quarry_oom_result free_at_tenth(const struct quarry_oom *request)
{
	assert_false(request->may_kill);
	if (++asked_without_fs == 10)
		free_some(1000);
	return QUARRY_OOM_CANNOT; /* nobody was killed */
}

static void g089_without_fs_nobody_is_killed(void **state)
{
	(void)state;
	asked_without_fs = 0;
	start_at(300, 0);
	with_oom(free_at_tenth);
	struct seen seen = ask(GFP_NOFS);
	assert_true(seen.page && seen.sleeps >= 9);
	assert_int_equal(asked_without_fs, 10);
	stop_pressure();
}

/* ... it waits between the questions, and asks on as long as any page comes back to its zones. */
static unsigned long slept;
static void others_take_turns(uint64_t ns)
{
	(void)ns;
	if (++slept % 900 == 0) {
		free_some(1);
		hold_block(alloc_page(ATOMIC_ALL), 0);
	}
	if (slept == 1500)
		free_some(1000);
}

static void g089_waits_as_long_as_pages_come_back(void **state)
{
	(void)state;
	slept = 0;
	start_at(300, 0);
	with_oom(cannot);
	mm_ops.sleep_ns = others_take_turns;
	struct seen seen = ask(GFP_NOFS);
	assert_true(seen.page);
	assert_true(slept >= 1500 && seen.ooms >= 1500);
	stop_pressure();
}

/* ... but when nothing moves any more, only its failing can end that: the callers of the others'
 * memory may wait for its locks. */
static void g089_fails_when_nothing_moves(void **state)
{
	struct quarry_failure failure;
	(void)state;
	for (unsigned by_scope = 0; by_scope < 2; by_scope++) {
		start_at(300, 0);
		with_oom(cannot);
		unsigned scope = by_scope ? memalloc_noio_save() : 0;
		struct seen seen = ask(by_scope ? GFP_KERNEL : GFP_NOFS);
		assert_false(seen.page);
		assert_in_range(seen.ooms, 1000, 1002);
		assert_true(seen.sleeps >= seen.ooms - 1);
		assert_true(quarry_last_failure(&failure));
		assert_int_equal(failure.reason, QUARRY_FAIL_NO_KILL);
		memalloc_noio_restore(scope);
		stop_pressure();
	}
}

static unsigned inside, others_asked;
static enum quarry_oom_result second_task(const struct quarry_oom *request)
{
	(void)request;
	inside++;
	assert_int_equal(inside, 1);
	/* Meanwhile another task runs dry: it does not come in, but waits and looks again. */
	mock_set_task(1);
	unsigned long sleeps = mock_hook_count(MOCK_SLEEP);
	assert_false(oom_begin());
	others_asked++;
	(void)sleeps;
	mock_set_task(0);
	free_some(1000);
	inside--;
	return QUARRY_OOM_KILLED;
}

static void g090_one_oom_at_a_time(void **state)
{
	(void)state;
	others_asked = 0;
	start_at(300, 0);
	with_oom(second_task);
	assert_true(ask(GFP_KERNEL).page);
	assert_int_equal(others_asked, 1);
	stop_pressure();
}

static void another_task_ends(void *arg)
{
	(void)arg;
	free_some(1000);
	oom_end();
}

/* ... and the one that waits gets what the other's kill freed, without asking. */
static void g090_the_other_waits_and_looks_again(void **state)
{
	(void)state;
	start_at(300, 0);
	with_oom(cannot);
	assert_true(oom_begin());
	mock_interrupt_at(5000, another_task_ends, NULL);
	struct seen seen = ask(GFP_KERNEL);
	assert_true(seen.page && !seen.ooms && seen.sleeps);
	stop_pressure();
}

static int frees_by_notifier(struct notifier_block *block, unsigned long action, void *data)
{
	(void)block;
	assert_int_equal(action, 0);
	free_some(1000);
	*(unsigned long *)data += 1000;
	return NOTIFY_OK;
}

static void notifiers_come_before_a_kill(void **state)
{
	struct notifier_block block = {.notifier_call = frees_by_notifier};
	(void)state;
	start_at(300, 0);
	with_oom(cannot);
	assert_int_equal(register_oom_notifier(&block), 0);
	struct seen seen = ask(GFP_KERNEL);
	assert_true(seen.page && !seen.ooms);
	assert_int_equal(unregister_oom_notifier(&block), 0);
	assert_int_equal(unregister_oom_notifier(&block), -QUARRY_ENOENT);
	stop_pressure();
}

static int order_of_calls;
static int first_call(struct notifier_block *block, unsigned long action, void *data)
{
	(void)action;
	(void)data;
	assert_int_equal(++order_of_calls, 4 - block->priority);
	return NOTIFY_DONE;
}

static void notifiers_by_priority(void **state)
{
	struct notifier_block block[3] = {{first_call, NULL, 2}, {first_call, NULL, 1},
					  {first_call, NULL, 3}};
	(void)state;
	order_of_calls = 0;
	start_at(300, 0);
	with_oom(cannot);
	for (unsigned i = 0; i < 3; i++)
		register_oom_notifier(&block[i]);
	assert_false(ask(GFP_KERNEL).page);
	assert_int_equal(order_of_calls, 3);
	for (unsigned i = 0; i < 3; i++)
		unregister_oom_notifier(&block[i]);
	stop_pressure();
}

/* G91: memory that comes at any moment before the last look saves the victim. */
static bool came_before_the_kill;
static enum quarry_oom_result kill_late(const struct quarry_oom *request)
{
	(void)request;
	kills++;
	free_some(1000);
	return QUARRY_OOM_KILLED;
}
static void memory_comes(void *arg)
{
	(void)arg;
	came_before_the_kill = !kills;
	free_some(2000);
}

/* A request that would end in a kill, and memory that comes at its n-th hook call. */
enum outcome { SAVED, KILLED, TOO_LATE };
static enum outcome memory_comes_at(unsigned n)
{
	kills = 0;
	came_before_the_kill = false;
	start_at(300, 0);
	with_oom(kill_late);
	mock_interrupt_at(n, memory_comes, NULL);
	assert_true(ask(GFP_KERNEL).page);
	mock_interrupt_at(0, NULL, NULL);
	enum outcome outcome = !came_before_the_kill ? TOO_LATE : kills ? KILLED : SAVED;
	stop_pressure();
	return outcome;
}

static void g091_last_look_is_at_the_high_mark(void **state)
{
	unsigned saved = 0, killed = 0, n = 1;
	(void)state;
	for (; memory_comes_at(n) != TOO_LATE; n += 16)
		saved++;
	assert_true(saved > 5);
	/* The last moments one by one, backwards: the few between that look and the kill. */
	enum outcome outcome;
	while ((outcome = memory_comes_at(--n)) != SAVED)
		killed += outcome == KILLED;
	assert_in_range(killed, 1, 20);
}

/* ---- NOFAIL ---- */

static unsigned ticks;
static void count_ticks(uint64_t ns)
{
	(void)ns;
	if (++ticks == 1000)
		free_some(1000);
}

static void g100_nofail_outlasts_a_thousand_ticks(void **state)
{
	(void)state;
	ticks = 0;
	start_at(0, 0);
	mm_ops.sleep_ns = count_ticks;
	assert_true(ask(GFP_KERNEL | __GFP_NOFAIL).page);
	assert_int_equal(ticks, 1000);
	stop_pressure();
}

static void g101_nofail_for_every_order(void **state)
{
	(void)state;
	ticks = 0;
	start_at(300, 0);
	mm_ops.sleep_ns = count_ticks;
	mock_expect_report(QUARRY_RULE_NOFAIL, 1);
	assert_true(ask_order(GFP_KERNEL | __GFP_NOFAIL, 4).page);
	stop_pressure();
}

static void g102_nofail_has_part_of_the_reserve(void **state)
{
	(void)state;
	start_at(300, 0);
	with_oom(cannot);
	while (nr_free_pages() > 256)
		assert_true(ask(GFP_KERNEL | __GFP_NOFAIL).page);
	/* after a kill, all of it */
	kills = 0;
	kills_needed = 1000;
	with_oom(kth_kill_frees);
	assert_true(ask(GFP_KERNEL | __GFP_NOFAIL).page);
	assert_int_equal(nr_free_pages(), 255);
	stop_pressure();
}

static void g103_nofail_that_may_not_sleep(void **state)
{
	(void)state;
	start_at(512, 1000);
	mock_expect_report(QUARRY_RULE_NOFAIL, 1);
	assert_false(ask(GFP_NOWAIT | __GFP_NOFAIL).page);
	stop_pressure();
}

/* ---- kswapd ---- */

static void g073_kswapd_balances_to_high(void **state)
{
	(void)state;
	start_at(600, 1000);
	assert_int_equal(ask(GFP_NOWAIT).wakes, 1);
	assert_int_equal(mock_kswapd(), 1);
	assert_in_range(nr_free_pages(), 768, 768 + 128);
	assert_int_equal(mock_kswapd(), 0); /* sleeps again */
	stop_pressure();
}

/* A run that does not last is counted: woken again within a tenth of a second, or below the high
 * mark before it was over. */
static uint64_t (*real_clock)(void);
static unsigned long to_take;
static uint64_t clock_that_takes(void)
{
	while (to_take) { /* another CPU, in that moment */
		to_take--;
		struct page *page = alloc_page(GFP_ATOMIC);
		assert_non_null(page);
		mock_reclaim_give(page);
	}
	return real_clock();
}
static void drive_to_a_wake(void)
{
	while (!ask(GFP_NOWAIT).wakes) {
	}
	assert_int_equal(mock_kswapd(), 1);
}
static void runs_that_do_not_last_are_counted(void **state)
{
	(void)state;
	start_at(600, 1000);
	drive_to_a_wake();
	assert_int_equal(kswapd_quick().low, 0);
	drive_to_a_wake(); /* at once */
	assert_int_equal(kswapd_quick().low, 1);
	mock_advance_ns(99 * 1000 * 1000);
	drive_to_a_wake();
	assert_int_equal(kswapd_quick().low, 2);
	mock_advance_ns(101 * 1000 * 1000);
	drive_to_a_wake();
	assert_int_equal(kswapd_quick().low, 2);
	assert_int_equal(kswapd_quick().high, 0);

	mock_advance_ns(101 * 1000 * 1000);
	while (!ask(GFP_NOWAIT).wakes) {
	}
	real_clock = mm_ops.clock_ns;
	mm_ops.clock_ns = clock_that_takes;
	to_take = 100;
	assert_int_equal(mock_kswapd(), 1);
	mm_ops.clock_ns = real_clock;
	assert_int_equal(kswapd_quick().high, 1);
	drive_to_a_wake();
	assert_int_equal(kswapd_quick().low, 2); /* it was told already */
	assert_int_equal(kswapd_quick().high, 1);
	stop_pressure();
}

/* ... and by order: until there is a block, or no more to free. */
static void g073_kswapd_frees_for_an_order(void **state)
{
	(void)state;
	start_at(640, 2000);
	struct zone *zone = zone_of(ZONE_NORMAL);
	/* no block of order 6 is left */
	while (zone->free && (buddy_count(zone, 6) || buddy_count(zone, 7) ||
			      buddy_count(zone, 8) || buddy_count(zone, 9) ||
			      buddy_count(zone, 10))) {
		struct page *page = alloc_page(ATOMIC_ALL);
		assert_non_null(page);
		mock_reclaim_give(page);
	}
	ask_order(GFP_NOWAIT, 6);
	assert_int_equal(mock_kswapd(), 1);
	bool block = false;
	for (unsigned order = 6; order <= MAX_PAGE_ORDER; order++)
		block |= buddy_count(zone, order) != 0;
	assert_true(block || mock_reclaim()->pages == 0);
	assert_true(nr_free_pages() >= 768);
	stop_pressure();
}

static void g074_hopeless_kswapd_is_left_alone(void **state)
{
	(void)state;
	start_at(600, 0);
	for (unsigned i = 0; i < 16; i++) {
		assert_int_equal(ask(GFP_NOWAIT).wakes, 1);
		assert_int_equal(mock_kswapd(), 1);
	}
	assert_int_equal(ask(GFP_NOWAIT).wakes, 0);
	assert_true(kswapd_is_hopeless(0));
	/* A request's own reclaim frees a page: try again. */
	while (nr_free_pages() > 512)
		ask(GFP_NOWAIT);
	free_some(1);
	while (nr_free_pages() > 512)
		mock_reclaim_give(alloc_page(ATOMIC_ALL));
	mock_reclaim_give(alloc_page(ATOMIC_ALL));
	mock_reclaim_give(alloc_page(ATOMIC_ALL));
	assert_true(ask(GFP_KERNEL).reclaims >= 1);
	assert_false(kswapd_is_hopeless(0));
	assert_int_equal(ask(GFP_NOWAIT).wakes, 1);
	stop_pressure();
}

/* Without a thread the next request that may sleep does the work. */
static void without_a_thread_requests_do_the_work(void **state)
{
	(void)state;
	start_at(600, 1000);
	mock_reclaim()->kswapd = false;
	mock_reclaim_changed();
	assert_true(ask(GFP_NOWAIT).page);
	assert_int_equal(nr_free_pages(), 599);
	assert_true(ask(GFP_KERNEL).page);
	assert_true(nr_free_pages() >= 767);
	stop_pressure();
}

/* A wake comes from anywhere, even from an interrupt with interrupts masked. */
static void wake_from_an_interrupt(void **state)
{
	struct page *page = NULL;
	(void)state;
	start_at(600, 1000);
	mock_interrupt(take_in_interrupt, &page);
	assert_non_null(page);
	assert_int_equal(mock_hook_count(MOCK_KSWAPD_WAKE), 1);
	__free_page(page);
	assert_int_equal(mock_kswapd(), 1);
	stop_pressure();
}

/* The boost after a steal raises low and high, not min; kswapd ends it. */
static void boost_ends_with_a_run_of_kswapd(void **state)
{
	(void)state;
	start_at(700, 1000);
	struct zone *zone = zone_of(ZONE_NORMAL);
	zone->boost = 512;
	assert_int_equal(watermark_floor(zone, MARK_LOW, RESERVE_NONE, ZONE_NORMAL), 1152);
	assert_int_equal(watermark_floor(zone, MARK_MIN, RESERVE_NONE, ZONE_NORMAL), 512);
	assert_int_equal(ask(GFP_NOWAIT).wakes, 1);
	assert_int_equal(mock_kswapd(), 1);
	assert_true(nr_free_pages() >= 768 + 512);
	assert_int_equal(zone->boost, 0);
	stop_pressure();
}

static void boost_comes_from_a_steal(void **state)
{
	(void)state;
	start_reference_zone(false);
	struct zone *zone = zone_of(ZONE_NORMAL);
	hold_all(GFP_HIGHUSER | __GFP_MEMALLOC | __GFP_NOWARN, 0);
	/* One free page in pageblocks of another type. */
	__free_page(hold.block[--hold.nr].page);
	assert_int_equal(zone->boost, 0);
	struct page *page = alloc_page(__GFP_RECLAIMABLE | ATOMIC_ALL);
	assert_non_null(page);
	assert_int_equal(zone->boost, 512);
	__free_page(page);
	free_held();
	mock_stop();
}

/* ---- pressure ---- */

static enum quarry_pressure told[16];
static unsigned nr_told;
static void on_pressure(struct quarry_pressure_watch *watch, enum quarry_pressure level)
{
	(void)watch;
	if (nr_told < 16)
		told[nr_told++] = level;
}

static void pressure_levels_have_hysteresis(void **state)
{
	struct quarry_pressure_watch watch = {.changed = on_pressure};
	(void)state;
	nr_told = 0;
	start_at(900, 0);
	quarry_watch_pressure(&watch);
	assert_int_equal(quarry_pressure_level(), QUARRY_PRESSURE_NORMAL);
	while (nr_free_pages() > 600)
		ask(GFP_NOWAIT);
	mock_kswapd();
	assert_int_equal(nr_told, 1);
	assert_int_equal(told[0], QUARRY_PRESSURE_SHORT);
	free_some(100); /* about 700: above low, not at high */
	unsigned scope = scope_enter_reclaim();
	if (nr_free_pages() < 768) {
		pressure_update(false);
		assert_int_equal(nr_told, 1);
	}
	scope_leave_reclaim(scope);
	with_oom(cannot);
	while (ask(GFP_KERNEL).page)
		;
	assert_int_equal(told[1], QUARRY_PRESSURE_CRITICAL);
	free_some(2000);
	scope = scope_enter_reclaim();
	pressure_update(false);
	scope_leave_reclaim(scope);
	assert_int_equal(told[2], QUARRY_PRESSURE_NORMAL);
	assert_int_equal(nr_told, 3);
	quarry_unwatch_pressure(&watch);
	stop_pressure();
}

/* ---- stages, reports ---- */

static void before_sleeping_works_nobody_reclaims(void **state)
{
	(void)state;
	start_reference_zone(true);
	mock_reclaim()->kswapd = true;
	mock_reclaim_changed();
	leave_free(zone_of(ZONE_NORMAL), 512);
	struct seen seen = ask(GFP_KERNEL);
	assert_false(seen.page);
	assert_int_equal(seen.wakes + seen.reclaims + seen.ooms + seen.sleeps, 0);
	stop_pressure();
}

/* G28: a failure makes a report unless the mask says no. */
static void g028_nowarn_is_silent(void **state)
{
	(void)state;
	start_at(192, 0);
	mock_expect_report(QUARRY_RULE_NO_MEMORY, 1);
	assert_int_equal(ask_order(GFP_ATOMIC, 0).warns, 1);
	assert_int_equal(ask_order(GFP_ATOMIC | __GFP_NOWARN, 0).warns, 0);
	stop_pressure();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		page_test(g025_g069_nowait_does_not_reclaim),
		page_test(g027_nowait_fails_at_the_mark),
		page_test(g029_atomic_uses_the_reserve),
		page_test(g065_g066_g068_no_reclaim_at_all),
		page_test(g070_wake_exactly_at_low),
		page_test(g071_only_if_every_zone_is_low),
		page_test(g072_spellings_agree),
		page_test(g075_g076_g079_g080_depths),
		page_test(g053_noreclaim_scope),
		page_test(g051_interrupts_do_not_inherit_rights),
		page_test(g064_g081_wake_then_reclaim),
		page_test(g022_a_shrinker_serves_a_request),
		page_test(g026_nowait_enters_no_shrinker),
		page_test(g044_g048_noio_reaches_the_owners),
		page_test(g045_g047_nofs_does_not_enter_fs),
		page_test(g106_recursion_is_cut),
		page_test(g086_sixteen_fruitless_rounds),
		page_test(g086_progress_resets_the_count),
		page_test(g087_if_everything_would_not_help),
		page_test(g092_g094_noretry_tries_once),
		page_test(g096_retry_mayfail_tries_hard),
		page_test(g097_g098_retry_mayfail_fails_without_progress),
		page_test(g082_small_orders_hardly_fail),
		page_test(g083_costly_orders_give_up),
		page_test(g085_a_victim_may_fail),
		page_test(g088_low_zones_are_not_worth_a_kill),
		page_test(g089_without_fs_nobody_is_killed),
		page_test(g089_waits_as_long_as_pages_come_back),
		page_test(g089_fails_when_nothing_moves),
		page_test(g090_one_oom_at_a_time),
		page_test(g090_the_other_waits_and_looks_again),
		page_test(notifiers_come_before_a_kill),
		page_test(notifiers_by_priority),
		page_test(g091_last_look_is_at_the_high_mark),
		page_test(g100_nofail_outlasts_a_thousand_ticks),
		page_test(g101_nofail_for_every_order),
		page_test(g102_nofail_has_part_of_the_reserve),
		page_test(g103_nofail_that_may_not_sleep),
		page_test(g073_kswapd_balances_to_high),
		page_test(runs_that_do_not_last_are_counted),
		page_test(g073_kswapd_frees_for_an_order),
		page_test(g074_hopeless_kswapd_is_left_alone),
		page_test(without_a_thread_requests_do_the_work),
		page_test(wake_from_an_interrupt),
		page_test(boost_ends_with_a_run_of_kswapd),
		page_test(boost_comes_from_a_steal),
		page_test(pressure_levels_have_hysteresis),
		page_test(before_sleeping_works_nobody_reclaims),
		page_test(g028_nowarn_is_silent),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
