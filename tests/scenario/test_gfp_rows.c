/* SPDX-License-Identifier: MIT */
/*
 * test_gfp_rows.c: rows of the specification that take more than the ladder: what masks promise of
 * their pages, all families of calls, pages that move, several CPUs.
 */
#define MOCK_OWNER_THREADS 0
#include "mm/page/page_alloc.h"
#include "mm/reclaim/compact.h"
#include "mm/slab/slab.h"
#include "mm/vmap/pgtable.h"
#include "tests/unit/reclaim/owner.h"
#include "tests/unit/reclaim/pressure_test.h"
#include "tests/unit/report/text.h"

#define NR(array) (sizeof(array) / sizeof((array)[0]))

static enum quarry_oom_result cannot(const struct quarry_oom *request)
{
	(void)request;
	return QUARRY_OOM_CANNOT;
}

static enum quarry_oom_result one_kill(const struct quarry_oom *request)
{
	(void)request;
	free_some(1000);
	return QUARRY_OOM_KILLED;
}

static void with_oom(enum quarry_oom_result (*oom)(const struct quarry_oom *))
{
	mock_reclaim()->oom = oom;
	mock_reclaim_changed();
}

/* ---- what masks say ---- */

#define SILENT (GFP_NOWAIT | __GFP_NOWARN)

/* Each family, with a mask for interrupts: nothing sleeps. Without a mask it is a violation. */
static void g007_every_family_in_an_interrupt(void **state)
{
	struct page *page[8], *bulk[4] = {NULL};
	void *object[8], *of_bulk[4];
	(void)state;
	mock_start(&(struct mock_config){.cpus = 2});
	struct kmem_cache *cache = kmem_cache_create("t", 40, 8, 0, NULL);
	mock_set_context(QUARRY_CTX_IRQ);
	mock_hook_reset();
	page[0] = alloc_page(SILENT);
	page[1] = alloc_pages(SILENT, 3);
	page[2] = alloc_pages_node(0, SILENT, 0);
	page[3] = folio_page(folio_alloc(SILENT, 1), 0);
	unsigned long address = __get_free_pages(SILENT, 1), zeroed = get_zeroed_page(SILENT);
	void *exact = alloc_pages_exact(5 * PAGE_SIZE, SILENT);
	assert_int_equal(alloc_pages_bulk(SILENT, 4, bulk), 4);
	object[0] = kmalloc(100, SILENT);
	object[1] = kzalloc(5000, SILENT);
	object[2] = kcalloc(10, 30, SILENT);
	object[3] = krealloc(kmalloc(10, SILENT), 3000, SILENT);
	object[4] = kmemdup("some", 5, SILENT);
	object[5] = kvmalloc(3 * PAGE_SIZE, SILENT);
	object[6] = kmem_cache_alloc(cache, SILENT);
	object[7] = kmem_cache_zalloc(cache, SILENT);
	assert_int_equal(kmem_cache_alloc_bulk(cache, SILENT, 4, of_bulk), 4);
	void *mapped = __vmalloc(3 * PAGE_SIZE, SILENT);
	for (unsigned i = 0; i < 4; i++)
		assert_non_null(page[i]);
	for (unsigned i = 0; i < 8; i++)
		assert_non_null(object[i]);
	assert_true(address && zeroed && exact && mapped);
	assert_int_equal(mock_hook_count(MOCK_SLEEP) + mock_hook_count(MOCK_CALL_OTHERS), 0);
	mock_expect_report(QUARRY_RULE_BAD_CONTEXT, 3);
	void *bad[] = {vmalloc(100), vzalloc(100), vcalloc(10, 10)};
	mock_set_context(0);
	for (unsigned i = 0; i < 3; i++)
		vfree(bad[i]);
	__free_page(page[0]);
	__free_pages(page[1], 3);
	__free_page(page[2]);
	put_page(page[3]);
	free_pages(address, 1);
	free_page(zeroed);
	free_pages_exact(exact, 5 * PAGE_SIZE);
	free_pages_bulk(4, bulk);
	for (unsigned i = 0; i < 6; i++)
		kvfree(object[i]);
	kmem_cache_free(cache, object[6]);
	kmem_cache_free(cache, object[7]);
	kmem_cache_free_bulk(cache, 4, of_bulk);
	vfree(mapped);
	kmem_cache_destroy(cache);
	mock_stop();
}

/* Asks for a block the way `how` says, and gives it back. Return: may user space reach it? */
static bool user_may_map(unsigned how, gfp_t gfp)
{
	struct page *page = NULL;
	void *address = NULL;

	switch (how) {
	case 0:
		page = alloc_pages(gfp, 2);
		break;
	case 1:
		alloc_pages_bulk(gfp, 1, &page);
		break;
	default:
		address = __vmalloc(how == 2 ? PAGE_SIZE : 4 * MOCK_MIB, gfp);
		page = vmalloc_to_page((char *)address + PAGE_SIZE - 1);
		break;
	}
	assert_non_null(page);
	bool may = page_may_be_mapped_by_user(how ? page : page + 3);
	if (how >= 2)
		vfree(address);
	else
		__free_pages(page, how ? 0 : 2);
	return may;
}

/* Only what was asked for with user space in mind is mapped there, however it was asked for. */
static void g013_user_mappings(void **state)
{
	(void)state;
	mock_start(NULL);
	for (unsigned how = 0; how < 4; how++) {
		assert_true(user_may_map(how, GFP_USER | __GFP_ZERO));
		assert_true(user_may_map(how, GFP_HIGHUSER));
		mock_expect_report(QUARRY_RULE_USER_MAPPING, QUARRY_DEBUG ? 1 : 0);
		assert_int_equal(user_may_map(how, GFP_KERNEL), !QUARRY_DEBUG);
		/* the mark is the allocation's, not the page's */
		assert_true(user_may_map(how, GFP_USER));
	}
	assert_true(user_may_map(0, GFP_HIGHUSER_MOVABLE));
	char *shared = vmalloc_user(PAGE_SIZE);
	assert_true(page_may_be_mapped_by_user(vmalloc_to_page(shared)));
	vfree(shared);
	mock_stop();
}

/* What holds the kernel's own is refused in every build. */
static void g013_kernel_pages_are_refused(void **state)
{
	(void)state;
	mock_start(NULL);
	void *small = kmalloc(64, GFP_USER), *large = kmalloc(1ul << 20, GFP_USER);
	struct page *freed = alloc_page(GFP_USER);
	__free_page(freed);
	mock_expect_report(QUARRY_RULE_USER_MAPPING, 4);
	assert_false(page_may_be_mapped_by_user(virt_to_page(small)));
	assert_false(page_may_be_mapped_by_user(virt_to_page(large)));
	assert_false(page_may_be_mapped_by_user(freed));
	assert_false(page_may_be_mapped_by_user(NULL));
	kfree(small);
	kfree(large);
	mock_stop();
}

/* User space's masks say so. */
static void g013_user_masks_are_marked(void **state)
{
	(void)state;
	assert_true(gfp_has(GFP_USER, __GFP_HARDWALL) && !gfp_has(GFP_KERNEL, __GFP_HARDWALL));
	assert_int_equal(GFP_HIGHUSER, GFP_USER | __GFP_HIGHMEM);
	assert_int_equal(GFP_HIGHUSER_MOVABLE & ~__GFP_SKIP_KASAN, GFP_HIGHUSER | __GFP_MOVABLE);
	assert_true(gfp_has(GFP_HIGHUSER_MOVABLE, __GFP_HARDWALL));
}

/* A buffer lies in one physical piece, and no other object shares a cache line that DMA writes. */
static void g019_kernel_memory_is_good_for_dma(void **state)
{
	char *object[64];
	(void)state;
	mock_start(NULL);
	for (size_t size = 1; size <= 8192; size = 3 * size / 2 + 1) {
		for (unsigned i = 0; i < 64; i++) {
			object[i] = kmalloc(size, GFP_KERNEL);
			assert_non_null(object[i]);
			assert_int_equal((uintptr_t)object[i] % ARCH_KMALLOC_MINALIGN, 0);
			assert_int_equal(ksize(object[i]) % ARCH_KMALLOC_MINALIGN, 0);
			assert_true(virt_to_phys(object[i] + size - 1) ==
				    virt_to_phys(object[i]) + size - 1);
		}
		for (unsigned i = 0; i < 64; i++)
			kfree(object[i]);
	}
	mock_stop();
}

static void g021_kernel_means_both_kinds_of_reclaim(void **state)
{
	(void)state;
	assert_int_equal(GFP_KERNEL & __GFP_RECLAIM, __GFP_RECLAIM);
	assert_int_equal(__GFP_RECLAIM, __GFP_DIRECT_RECLAIM | __GFP_KSWAPD_RECLAIM);
	assert_int_equal(GFP_RECLAIM, __GFP_RECLAIM);
}

/* A page that the kernel may not reach by itself, it reaches by a local mapping. */
static void g037_movable_user_pages_by_local_mapping(void **state)
{
	(void)state;
	mock_start(&four_zones);
	struct page *page = alloc_page(GFP_HIGHUSER_MOVABLE);
	assert_int_equal(page_zonenum(page), ZONE_MOVABLE);
	char *at = kmap_local_page(page);
	memset(at, 7, PAGE_SIZE);
	kunmap_local(at);
	at = kmap_local_page(page);
	assert_int_equal(at[PAGE_SIZE - 1], 7);
	kunmap_local(at);
	__free_page(page);
	mock_stop();
}

/* HIGHUSER: from the highest zone that is not movable, and from all below. */
static void g041_highuser_takes_every_zone_but_movable(void **state)
{
	bool seen[MAX_NR_ZONES] = {false};
	(void)state;
	mock_start(&four_zones);
	hold_all(GFP_HIGHUSER | __GFP_MEMALLOC | __GFP_NOWARN, 0);
	assert_int_equal(page_zonenum(hold.block[0].page), ZONE_NORMAL);
	for (unsigned long i = 0; i < hold.nr; i++)
		seen[page_zonenum(hold.block[i].page)] = true;
	assert_true(seen[ZONE_DMA] && seen[ZONE_NORMAL] && !seen[ZONE_MOVABLE]);
	free_held();
	mock_stop();
}

/* ---- hooks ---- */

/* Without a reclaim bit a request that finds a page calls nothing but locks. */
static void g067_the_lightest_mode_calls_no_hook(void **state)
{
	(void)state;
	start_at(600, 1000);
	assert_true(ask(GFP_KERNEL & ~__GFP_RECLAIM).page);
	for (enum mock_hook hook = 0; hook < MOCK_NR_HOOKS; hook++)
		if (hook != MOCK_PIN && hook != MOCK_IRQ_SAVE)
			assert_int_equal(mock_hook_count(hook), 0);
	stop_pressure();
}

/* ---- scopes ---- */

static struct {
	gfp_t forbidden;
	unsigned long calls, among_tables;
	unsigned long (*reclaim)(const struct quarry_reclaim *want);
} masks;

static unsigned long note_mask(const struct quarry_reclaim *want)
{
	assert_false(gfp_has(want->gfp, masks.forbidden));
	masks.calls++;
	/* The first table is there, not all: this is the request for a table's page. */
	masks.among_tables += pgtable_pages() > 1 && pgtable_pages() < 32;
	struct quarry_reclaim few = *want;
	few.nr = 1;
	return masks.reclaim(&few);
}

/* vmalloc of 64 MiB under pressure, in a scope: neither pages nor page tables may enter what the
 * scope forbids. */
static void g052_scopes_reach_page_tables(void **state)
{
	static const unsigned scopes[] = {PF_MEMALLOC_NOFS, PF_MEMALLOC_NOIO};
	static const gfp_t forbidden[] = {__GFP_FS, __GFP_FS | __GFP_IO};
	(void)state;
	for (unsigned i = 0; i < 2; i++) {
		mock_start(&(struct mock_config){
			.bytes = 96 * MOCK_MIB,
			.small_leaves = true,
			.extra = {.no_parking = true}});
		mock_reclaim_changed();
		masks.forbidden = forbidden[i];
		masks.calls = masks.among_tables = 0;
		masks.reclaim = mm_ops.reclaim;
		mm_ops.reclaim = note_mask;
		struct page *page;
		while ((page = alloc_page(GFP_NOWAIT)))
			mock_reclaim_give(page);
		unsigned scope = memalloc_flags_save(scopes[i]);
		void *p = vmalloc(64 * MOCK_MIB);
		memalloc_flags_restore(scope);
		assert_non_null(p);
		assert_true(masks.calls > 0 && masks.among_tables > 0);
		vfree(p);
		stop_pressure();
	}
}

/* ---- pages that move ---- */

#define BASE (4 * MOCK_GIB)

/* Three of four pages are in use and can move: no block of two is free anywhere. */
static void start_fragmented(void)
{
	unsigned n = 0;

	owner_reset();
	mock_start(&(struct mock_config){
		.base = BASE, .bytes = 16 * MOCK_MIB, .extra = {.no_parking = true}});
	mock_reclaim()->kswapd = true;
	with_oom(cannot);
	while (n < OWNER_SLOTS && owner_take(n, 0, GFP_HIGHUSER_MOVABLE | __GFP_NOWARN))
		n++;
	hold_all(ATOMIC_ALL, 0);
	for (unsigned i = 0; i < n; i += 4)
		owner_free(i);
	mock_hook_reset();
}

static void stop_fragmented(void)
{
	owner_check_all();
	owner_free_all();
	stop_pressure();
}

static unsigned long compactions(void)
{
	return compact_stat().stall;
}

/* USER and HIGHUSER pages stay where they are, whatever is moved around them; the kernel reaches
 * the former directly. */
static void g042_user_pages_stay(void **state)
{
	struct page *fixed[50];
	(void)state;
	owner_reset();
	mock_start(&(struct mock_config){
		.base = BASE, .bytes = 32 * MOCK_MIB, .extra = {.no_parking = true}});
	for (unsigned i = 0; i < 50; i++) {
		fixed[i] = alloc_page(GFP_USER);
		assert_non_null(page_address(fixed[i]));
		memset(page_address(fixed[i]), (int)i, PAGE_SIZE);
	}
	unsigned n = 0;
	while (owner_take(n, 0, GFP_HIGHUSER_MOVABLE | __GFP_NOWARN))
		n++;
	for (unsigned i = 0; i < n; i += 2)
		owner_free(i);
	for (unsigned round = 0; round < 10; round++)
		quarry_compact_node(0);
	assert_true(owner.migrated > 0);
	for (unsigned i = 0; i < 50; i++) {
		assert_int_equal(*(unsigned char *)page_address(fixed[i]), i);
		__free_page(fixed[i]);
	}
	stop_fragmented();
}

/* The matrix's column "compacts": which masks move pages for a block of two, and get it by that. */
static void g012_who_compacts(void **state)
{
	static const struct {
		gfp_t gfp;
		bool compacts;
	} rows[] = {
		{GFP_KERNEL & ~__GFP_RECLAIM, false}, {GFP_NOWAIT, false},
		{GFP_ATOMIC, false},		      {GFP_NOIO, false},
		{GFP_KERNEL, true},		      {GFP_NOFS, true},
		{GFP_KERNEL | __GFP_NORETRY, true},   {GFP_KERNEL | __GFP_RETRY_MAYFAIL, true},
		{GFP_KERNEL | __GFP_NOFAIL, true},
	};
	(void)state;
	for (unsigned i = 0; i < NR(rows); i++) {
		start_fragmented();
		bool noio = rows[i].gfp == GFP_NOIO;
		struct seen seen =
			ask_order(rows[i].gfp | __GFP_NOWARN | (noio ? __GFP_NORETRY : 0), 1);
		assert_int_equal(seen.page, rows[i].compacts);
		assert_int_equal(compactions() > 0, rows[i].compacts);
		assert_int_equal(owner.migrated > 0, rows[i].compacts);
		assert_int_equal(seen.ooms, 0);
		stop_fragmented();
	}
}

/* A wake for a block, where single pages are plenty: handed over to compaction. */
static unsigned compactor_wakes;
static void count_wake(unsigned node)
{
	(void)node;
	compactor_wakes++;
}
static void g073_kswapd_hands_over_to_compaction(void **state)
{
	(void)state;
	start_fragmented();
	mm_ops.kcompactd_wake = count_wake;
	compactor_wakes = 0;
	assert_false(ask_order(GFP_NOWAIT, 3).page);
	assert_int_equal(mock_kswapd(), 1);
	assert_int_equal(compactor_wakes, 1);
	while (quarry_kcompactd_step(0))
		;
	assert_true(ask_order(GFP_NOWAIT, 3).page);
	stop_fragmented();
}

/* A costly order gives up after one round of reclaim and one of compaction, without OOM. */
static void g083_costly_orders_have_one_round_of_each(void **state)
{
	(void)state;
	for (unsigned order = 4; order <= 7; order++) {
		start_fragmented();
		owner.refuse = 1;
		mock_reclaim()->claimed = 10000;
		struct seen seen = ask_order(GFP_KERNEL | __GFP_NOWARN, order);
		assert_true(!seen.page && !seen.ooms);
		assert_int_equal(seen.reclaims, 1);
		assert_int_equal(compactions(), 1);
		stop_fragmented();
	}
}

/* NORETRY: one round of reclaim, at most one of compaction; a costly one that finds compaction put
 * off does not even reclaim. */
static void g093_noretry_has_one_round_of_each(void **state)
{
	const gfp_t gfp = GFP_KERNEL | __GFP_NORETRY | __GFP_NOWARN;
	(void)state;
	for (unsigned order = 1; order <= 3; order++) {
		start_fragmented();
		owner.refuse = 1;
		struct seen seen = ask_order(gfp, order);
		assert_true(!seen.page && !seen.ooms);
		assert_int_equal(seen.reclaims, 1);
		assert_int_equal(compactions(), 1);
		stop_fragmented();
	}
	start_fragmented();
	owner.refuse = 1;
	struct page_request request = {
		.gfp = GFP_KERNEL, .order = 5, .highest = ZONE_NORMAL, .call = "test"};
	for (unsigned i = 0; i < 4; i++)
		compact_zones_for(&request, COMPACT_PRIO_LIGHT); /* fails, and is put off */
	unsigned long before = compactions();
	struct seen seen = ask_order(gfp, 5);
	assert_true(!seen.page);
	assert_int_equal(seen.reclaims, 0);
	assert_int_equal(compactions(), before);
	stop_fragmented();
}

/* RETRY_MAYFAIL, costly: bounded, also where nothing ever moves. */
static void g097_costly_retries_are_bounded(void **state)
{
	(void)state;
	start_fragmented();
	owner.refuse = 1;
	mock_reclaim()->claimed = 10000;
	struct seen seen = ask_order(GFP_KERNEL | __GFP_RETRY_MAYFAIL | __GFP_NOWARN, 5);
	assert_true(!seen.page && !seen.ooms);
	/* 16 fruitless ones, then at most 4 for the sake of compaction at each of two priorities */
	assert_in_range(seen.reclaims, 17, 17 + 2 * 5);
	stop_fragmented();
}

static unsigned stubborn_rounds;
static unsigned long yields_at_last(const struct quarry_reclaim *want)
{
	static unsigned long last;
	unsigned long now = reclaim_counted(RECLAIM_DIRECT).rounds;

	(void)want;
	if (now != last && stubborn_rounds && !--stubborn_rounds)
		owner.refuse = 0;
	last = now;
	return 0;
}

/* RETRY_MAYFAIL makes a costly request compact again: it gets its block once owners let go. */
static void g099_retry_mayfail_compacts_again(void **state)
{
	(void)state;
	for (unsigned hard = 0; hard < 2; hard++) {
		start_fragmented();
		owner.refuse = 1;
		stubborn_rounds = 5;
		mock_reclaim()->claimed = 10000;
		mm_ops.reclaim = yields_at_last;
		gfp_t gfp = GFP_KERNEL | __GFP_NOWARN;
		gfp |= hard ? __GFP_RETRY_MAYFAIL : __GFP_NORETRY;
		struct seen seen = ask_order(gfp, 5);
		assert_int_equal(seen.page, hard);
		assert_int_equal(seen.ooms, 0);
		if (hard)
			assert_true(compactions() > 1 && owner.migrated > 0);
		stop_fragmented();
	}
}

static const struct quarry_mem_range two_nodes[] = {
	{BASE, 32 * MOCK_MIB, QUARRY_MEM_USABLE, 0},
	{BASE + 32 * MOCK_MIB, 48 * MOCK_MIB, QUARRY_MEM_USABLE, 1},
};

/* What OS's pages are left on node 0: blocks of two, of which a round frees one. */
static struct page *pairs;
static unsigned long nr_pairs;
static unsigned long pages_in_pairs(unsigned node)
{
	return node ? 0 : 2 * nr_pairs;
}
static unsigned long one_pair_a_round(const struct quarry_reclaim *want)
{
	static unsigned long last;
	unsigned long now = reclaim_counted(RECLAIM_DIRECT).rounds;
	struct page *page = pairs;

	if (want->node || now == last || !page)
		return 0;
	last = now;
	pairs = page->mapping;
	nr_pairs--;
	__free_pages(page, 1);
	return 2;
}

/* A request for one node makes progress there, whatever is free on others. */
static void g086_progress_on_the_node_asked_for(void **state)
{
	const gfp_t here = GFP_KERNEL | __GFP_THISNODE;
	struct page *page;
	(void)state;
	pairs = NULL;
	mock_start(&(struct mock_config){
		.map = two_nodes, .nr_map = 2, .no_vmalloc = true, .extra = {.no_parking = true}});
	mock_reclaim()->kswapd = true;
	mock_reclaim_changed();
	for (nr_pairs = 0; nr_pairs < 200; nr_pairs++) {
		page = alloc_pages(here, 1);
		page->mapping = pairs;
		pairs = page;
	}
	while ((page = alloc_page(ATOMIC_ALL | __GFP_THISNODE)))
		hold_block(page, 0);
	assert_true(zone_free(&zones[MAX_NR_ZONES + ZONE_NORMAL]) > 10000);
	mm_ops.reclaimable = pages_in_pairs;
	mm_ops.reclaim = one_pair_a_round;
	assert_true(ask_order(here, 1).page);
	assert_true(nr_pairs < 200 - 17);
	while ((page = pairs)) {
		pairs = page->mapping;
		__free_pages(page, 1);
	}
	stop_pressure();
}

/* ---- counters ---- */

static unsigned long vmstat(const char *wanted)
{
	struct text *text = text_of(quarry_report_vmstat);
	size_t length = strlen(wanted);

	for (char *line; (line = text_line(text));)
		if (!strncmp(line, wanted, length) && line[length] == ' ')
			return strtoul(line + length, NULL, 10);
	fail_msg("vmstat lacks %s", wanted);
	return 0;
}

/* Each event of reclaim is counted under its name. */
static void vmstat_counts_reclaim(void **state)
{
	static const char *const names[] = {"kswapd_wake",    "pageoutrun",	"pgscan_kswapd",
					    "pgscan_direct",  "pgsteal_kswapd", "pgsteal_direct",
					    "collect_all",    "oom_call",	"oom_kill",
					    "allocstall_normal"};
	(void)state;
	start_at(600, 1000);
	with_oom(one_kill);
	for (unsigned i = 0; i < NR(names); i++)
		assert_int_equal(vmstat(names[i]), 0);
	assert_int_equal(vmstat("slabs_scanned"), 0);
	ask(GFP_NOWAIT);
	assert_int_equal(vmstat("kswapd_wake"), 1);
	mock_kswapd();
	assert_int_equal(vmstat("pageoutrun"), 1);
	assert_true(vmstat("pgsteal_kswapd") >= 168 && vmstat("pgsteal_direct") == 0);
	while (!vmstat("pgsteal_direct"))
		assert_true(ask(GFP_KERNEL).page);
	assert_int_equal(vmstat("allocstall_normal"), 1);
	assert_int_equal(vmstat("oom_call"), 0);
	while (!vmstat("oom_kill"))
		assert_true(ask(GFP_KERNEL).page);
	for (unsigned i = 0; i < NR(names); i++)
		assert_true(vmstat(names[i]) > 0);
	stop_pressure();
}

/* ---- OOM on several CPUs ---- */

static struct {
	unsigned inside, most, calls;
} oom;

static enum quarry_oom_result one_at_a_time(const struct quarry_oom *request)
{
	(void)request;
	unsigned now = __atomic_add_fetch(&oom.inside, 1u, __ATOMIC_ACQ_REL);
	if (now > oom.most)
		oom.most = now;
	oom.calls++;
	for (unsigned i = 0; i < 20; i++) /* long enough for the others to come */
		mm_ops.sleep_ns(1);
	struct page *page = hold.block[--hold.nr].page;
	__atomic_fetch_sub(&oom.inside, 1u, __ATOMIC_ACQ_REL);
	__free_page(page);
	return QUARRY_OOM_KILLED;
}

static void run_dry(void *arg, unsigned cpu)
{
	struct page **got = arg;

	for (unsigned i = 0; i < 8; i++) {
		got[8 * cpu + i] = alloc_page(GFP_KERNEL | __GFP_MEMALLOC);
		if (!got[8 * cpu + i])
			mock_fail("no page though there were kills");
	}
}

/* Three CPUs run out of memory at once: one is in OOM at any time, the others wait and look again,
 * and all are served. */
static void g090_three_cpus_run_dry(void **state)
{
	struct page *got[24] = {NULL};
	(void)state;
	memset(&oom, 0, sizeof(oom));
	mock_start(&(struct mock_config){
		.bytes = 8 * MOCK_MIB, .cpus = 3, .extra = {.no_parking = true}});
	with_oom(one_at_a_time);
	hold_all(ATOMIC_ALL, 0);
	mock_run_cpus(3, run_dry, got);
	mock_set_cpu(0);
	assert_int_equal(oom.most, 1);
	assert_in_range(oom.calls, 24, 40); /* a page each */
	for (unsigned i = 0; i < 24; i++)
		__free_page(got[i]);
	stop_pressure();
}

/* ---- NOFAIL ---- */

static void free_many(uint64_t ns)
{
	(void)ns;
	free_some(300);
}

/* Never NULL, in a hundred thousand requests of which many find nothing. */
static void g100_nofail_never_fails(void **state)
{
	uint64_t random = 5;
	(void)state;
	mock_start(&(struct mock_config){
		.bytes = 4 * MOCK_MIB, .no_vmalloc = true, .extra = {.no_parking = true}});
	mm_ops.sleep_ns = free_many;
	hold_all(ATOMIC_ALL, 0);
	for (unsigned i = 0; i < MOCK_STEPS(100000u); i++) {
		struct page *page = alloc_page(GFP_KERNEL | __GFP_NOFAIL);
		assert_non_null(page);
		hold_block(page, 0);
		if (mock_random(&random) % 5 < 3)
			free_some(1 + mock_random(&random) % 2);
	}
	free_held();
	mock_stop();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		page_test(g007_every_family_in_an_interrupt),
		page_test(g013_user_masks_are_marked),
		page_test(g013_user_mappings),
		page_test(g013_kernel_pages_are_refused),
		page_test(g019_kernel_memory_is_good_for_dma),
		page_test(g021_kernel_means_both_kinds_of_reclaim),
		page_test(g037_movable_user_pages_by_local_mapping),
		page_test(g041_highuser_takes_every_zone_but_movable),
		page_test(g067_the_lightest_mode_calls_no_hook),
		page_test(g052_scopes_reach_page_tables),
		page_test(g042_user_pages_stay),
		page_test(g012_who_compacts),
		page_test(g073_kswapd_hands_over_to_compaction),
		page_test(g083_costly_orders_have_one_round_of_each),
		page_test(g093_noretry_has_one_round_of_each),
		page_test(g097_costly_retries_are_bounded),
		page_test(g099_retry_mayfail_compacts_again),
		page_test(g086_progress_on_the_node_asked_for),
		page_test(vmstat_counts_reclaim),
		page_test(g090_three_cpus_run_dry),
		page_test(g100_nofail_never_fails),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
