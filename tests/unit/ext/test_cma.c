/* SPDX-License-Identifier: MIT */
/*
 * test_cma.c: areas that are lent to movable requests until somebody claims a part of them.
 */
#define MOCK_OWNER_THREADS 0
#include "mm/ext/cma.h"
#include "tests/unit/reclaim/owner.h"
#include "tests/unit/report/text.h"

#define BASE (4 * MOCK_GIB)
#define AREA (BASE + 16 * MOCK_MIB)
#define AREA_SIZE (16 * MOCK_MIB)
#define AREA_PAGES (AREA_SIZE / PAGE_SIZE)

static struct cma *area;

static void start(bool parking)
{
	owner_reset();
	mock_start(&(struct mock_config){
		.base = BASE, .bytes = 64 * MOCK_MIB, .extra = {.no_parking = !parking}});
	assert_int_equal(cma_init_reserved_mem(AREA, AREA_SIZE, 0, "camera", &area), 0);
	assert_int_equal(mm_check(), 0);
}
static void end(void)
{
	assert_int_equal(mm_check(), 0);
	assert_true(cma_end_all());
	assert_int_equal(zone_of(ZONE_NORMAL)->lent_blocks, 0);
	mock_stop();
}
static void stop(void)
{
	owner_check_all();
	owner_free_all();
	free_held();
	drain_all_pages();
	assert_int_equal(zone_of(ZONE_NORMAL)->lent_free, AREA_PAGES);
	end();
}

static bool in_area(const struct page *page)
{
	return cma_pages_valid(area, page, 1);
}

static unsigned fill(void)
{
	unsigned n = 0;

	while (n < OWNER_SLOTS && owner_take(n, 0, GFP_HIGHUSER_MOVABLE | __GFP_NOWARN))
		n++;
	return n;
}

static unsigned slots_in_area(void)
{
	unsigned n = 0;

	for (unsigned i = 0; i < OWNER_SLOTS; i++)
		n += owner.slot[i].page && in_area(owner.slot[i].page);
	return n;
}

/* 16 MiB full of movable pages; 1024 pages are claimed at a multiple of 1024 frames, the pages
 * there live on elsewhere; given back, they serve again. */
static void g005_cma_alloc(void **state)
{
	(void)state;
	start(true);
	unsigned n = fill();
	assert_true(slots_in_area() > AREA_PAGES * 9 / 10);
	for (unsigned i = 0; i < n; i++)
		if (!in_area(owner.slot[i].page) && i % 2)
			owner_free(i);
	struct page *page = cma_alloc(area, 1024, 10, false);
	assert_non_null(page);
	assert_int_equal(page_to_pfn(page) % 1024, 0);
	assert_true(cma_pages_valid(area, page, 1024));
	for (unsigned i = 0; i < 1024; i++) {
		assert_int_equal(page_ref_count(page + i), 1);
		memset(page_address(page + i), 0xcc, PAGE_SIZE);
	}
	assert_true(owner.migrated > 800); /* all but a refill that the CPU had not used up */
	owner_check_all();
	assert_int_equal(mm_check(), 0);
	assert_true(cma_release(area, page, 1024));
	struct page *again = cma_alloc(area, 1024, 10, false);
	assert_non_null(again);
	assert_true(cma_release(area, again, 1024));
	struct quarry_cma_totals info;
	quarry_cma_info(&info);
	assert_int_equal(info.total, AREA_PAGES);
	assert_int_equal(info.alloc_success, 2048);
	assert_int_equal(info.alloc_fail, 0);
	stop();
}

/* Movable requests take lent memory while it is more than half of what is free; others never do,
 * whatever their rights. */
static void who_may_borrow(void **state)
{
	(void)state;
	start(false);
	struct zone *zone = zone_of(ZONE_NORMAL);
	assert_int_equal(zone->lent_free, AREA_PAGES);
	assert_int_equal(zone->lent_blocks, AREA_SIZE / (2 * MOCK_MIB));
	/* Less than half is lent: not there. */
	struct page *page = alloc_page(GFP_HIGHUSER_MOVABLE);
	assert_false(in_area(page));
	__free_page(page);
	/* Unmovable requests leave what is lent, with the reserves' rights too. */
	hold_all(GFP_KERNEL | __GFP_NOWARN, 0);
	assert_int_equal(zone->lent_free, AREA_PAGES);
	assert_int_equal(zone_free(zone), AREA_PAGES + zone->mark[MARK_MIN]);
	/* Now it is more than half: there, and the rest stays for others. */
	page = alloc_page(GFP_HIGHUSER_MOVABLE);
	assert_true(in_area(page));
	assert_int_equal(page_mobility(page), MIGRATE_MOVABLE);
	assert_null(alloc_page(GFP_NOWAIT));
	assert_null(alloc_pages_nolock(NUMA_NO_NODE, 0));
	struct page *atomic = alloc_page(GFP_ATOMIC);
	assert_false(in_area(atomic));
	__free_page(atomic);
	hold_all(ATOMIC_ALL, 0);
	assert_int_equal(zone_free(zone), AREA_PAGES - 1);
	assert_null(alloc_page(ATOMIC_ALL));
	assert_non_null(page);
	__free_page(page);
	/* All of it can be borrowed, down to the mark. */
	unsigned n = fill();
	assert_int_equal(slots_in_area(), n);
	assert_int_equal(zone_free(zone), zone->mark[MARK_MIN]);
	for (unsigned long i = 0; i < hold.nr; i++)
		assert_false(in_area(hold.block[i].page));
	stop();
}

/* In a pin scope a request that is movable otherwise gets nothing of an area, parked or not. */
static void g043_pins_stay_out(void **state)
{
	(void)state;
	for (int parking = 0; parking < 2; parking++) {
		start(parking);
		unsigned n = fill();
		for (unsigned i = 0; i < n; i++)
			owner_free(i);
		hold_all(GFP_KERNEL | __GFP_NOWARN, 4);
		struct page *page = alloc_page(GFP_HIGHUSER_MOVABLE);
		assert_true(in_area(page));
		__free_page(page);
		unsigned scope = memalloc_pin_save();
		while ((page = alloc_page(GFP_HIGHUSER_MOVABLE | __GFP_NOWARN))) {
			assert_false(in_area(page));
			hold_block(page, 0);
		}
		memalloc_pin_restore(scope);
		page = alloc_page(GFP_HIGHUSER_MOVABLE);
		assert_true(in_area(page));
		__free_page(page);
		stop();
	}
}

/* The lists of CMA are reported, pageblocks too; the sums of the other reports tell of them. */
static void reports_show_areas(void **state)
{
	char line[128];
	(void)state;
	start(false);
	assert_non_null(strstr(text_of(quarry_report_meminfo)->buf, "CmaTotal:          16384 kB"));
	assert_non_null(strstr(text_of(quarry_report_meminfo)->buf, "CmaFree:           16384 kB"));
	assert_non_null(strstr(text_of(quarry_report_vmstat)->buf, "nr_free_cma 4096"));
	snprintf(line, sizeof(line), "type %12s %6u ", "CMA", 0u);
	assert_non_null(strstr(text_of(quarry_report_pagetypeinfo)->buf, line));
	struct page *page = cma_alloc(area, 3, 0, false);
	assert_non_null(strstr(text_of(quarry_report_meminfo)->buf, "CmaFree:           16372 kB"));
	assert_non_null(strstr(text_of(quarry_report_vmstat)->buf, "cma_alloc_success 3"));
	assert_true(cma_release(area, page, 3));
	stop();
}

/* A pinned page: the claim goes elsewhere, or fails and says so; nothing is lost. */
static void pinned_pages_are_gone_round(void **state)
{
	(void)state;
	start(false);
	unsigned n = fill();
	unsigned long base = AREA >> PAGE_SHIFT;
	for (unsigned i = 0; i < n; i++) {
		if (!in_area(owner.slot[i].page))
			owner_free(i);
		else if (page_to_pfn(owner.slot[i].page) == base + 100)
			owner_pin(i, true);
	}
	struct page *page = cma_alloc(area, 512, 9, false);
	assert_int_equal(page_to_pfn(page), base + 512);
	mock_expect_report(QUARRY_RULE_NO_MEMORY, 1);
	assert_null(cma_alloc(area, AREA_PAGES - 512, 0, false));
	assert_null(cma_alloc(area, AREA_PAGES - 512, 0, true));
	assert_null(cma_alloc(area, AREA_PAGES + 1, 0, true));
	assert_null(cma_alloc(area, 0, 0, true));
	assert_null(cma_alloc(NULL, 1, 0, true));
	assert_true(cma_release(area, page, 512));
	assert_int_equal(mm_check(), 0);
	stop();
}

/* Claims of any size and alignment at random, in units of a page and of 8. */
static void random_claims(void **state)
{
	struct {
		struct page *page;
		unsigned long nr;
	} claims[32] = {0};
	struct cma *second;
	uint64_t random = 12;
	(void)state;
	start(true);
	assert_int_equal(cma_init_reserved_mem(AREA + AREA_SIZE, 4 * MOCK_MIB, 3, "disk", &second),
			 0);
	for (unsigned step = 0; step < 600; step++) {
		unsigned i = (unsigned)(mock_random(&random) % 32);
		unsigned slot = (unsigned)(mock_random(&random) % 3000);
		if (owner.slot[slot].page)
			owner_free(slot);
		else
			owner_take(slot, (unsigned)(mock_random(&random) % 3),
				   GFP_HIGHUSER_MOVABLE | __GFP_NOWARN);
		if (claims[i].page) {
			const unsigned char *at = page_address(claims[i].page);
			for (unsigned long p = 0; p < claims[i].nr; p++)
				assert_int_equal(at[p * PAGE_SIZE], i);
			assert_true(
				cma_release(i % 4 ? area : second, claims[i].page, claims[i].nr));
			claims[i].page = NULL;
			continue;
		}
		unsigned align = (unsigned)(mock_random(&random) % 7);
		claims[i].nr = 1 + mock_random(&random) % (i % 4 ? 300 : 100);
		claims[i].page = cma_alloc(i % 4 ? area : second, claims[i].nr, align, true);
		if (!claims[i].page)
			continue;
		assert_int_equal(page_to_pfn(claims[i].page) % (1ul << align), 0);
		for (unsigned long p = 0; p < claims[i].nr; p++)
			memset(page_address(claims[i].page + p), (int)i, PAGE_SIZE);
		if (step % 50 == 0)
			assert_int_equal(mm_check(), 0);
	}
	for (unsigned i = 0; i < 32; i++)
		if (claims[i].page)
			assert_true(
				cma_release(i % 4 ? area : second, claims[i].page, claims[i].nr));
	owner_check_all();
	owner_free_all();
	drain_all_pages();
	assert_int_equal(zone_of(ZONE_NORMAL)->lent_free, AREA_PAGES + 1024);
	end();
}

/* Pages that are none of the area's, or not claimed, and frames that only the area may claim. */
static void wrong_releases(void **state)
{
	(void)state;
	start(false);
	struct page *page = alloc_page(GFP_KERNEL);
	assert_false(cma_release(area, page, 1));
	assert_false(cma_release(area, NULL, 1));
	assert_false(cma_release(NULL, page, 1));
	__free_page(page);
	page = cma_alloc(area, 16, 0, false);
	assert_false(cma_release(area, page, AREA_PAGES + 1));
	mock_expect_report(QUARRY_RULE_FREE_TWICE, 2);
	assert_false(cma_release(area, page + 1, 16));
	assert_true(cma_release(area, page + 8, 8));
	assert_true(cma_release(area, page, 8));
	assert_false(cma_release(area, page, 8));

	unsigned long pfn = AREA >> PAGE_SHIFT;
	assert_int_equal(alloc_contig_range(pfn, pfn + 8, MIGRATE_MOVABLE, GFP_KERNEL),
			 -QUARRY_EBUSY);
	assert_int_equal(alloc_contig_range(pfn - 8, pfn + 8, MIGRATE_CMA, GFP_KERNEL),
			 -QUARRY_EBUSY);
	assert_int_equal(quarry_claim(AREA, PAGE_SIZE), -QUARRY_EBUSY);
	assert_int_equal(quarry_remove_memory(AREA, 2 * MOCK_MIB), -QUARRY_EBUSY);
	assert_int_equal(mm_check(), 0);
	stop();
}

static int count_areas(struct cma *one, void *data)
{
	(void)one;
	return ++*(int *)data == 5 ? 77 : 0;
}

/* Places that are found, fixed ones, limits; bad arguments; the table's end. */
static void areas_are_declared(void **state)
{
	struct cma *other;
	int found = 0;
	(void)state;
	start(false);
	assert_int_equal(cma_get_base(area), AREA);
	assert_int_equal(cma_get_size(area), AREA_SIZE);
	assert_string_equal(cma_get_name(area), "camera");
	mock_expect_report(QUARRY_RULE_BAD_ARGUMENT, 5);
	assert_int_equal(cma_init_reserved_mem(BASE + PAGE_SIZE, 2 * MOCK_MIB, 0, "", &other),
			 -QUARRY_EINVAL);
	assert_int_equal(cma_init_reserved_mem(BASE, 0, 0, "", &other), -QUARRY_EINVAL);
	assert_int_equal(cma_init_reserved_mem(BASE, 2 * MOCK_MIB, 10, "", &other), -QUARRY_EINVAL);
	assert_int_equal(cma_declare_contiguous(0, 0, 0, 0, 0, false, "", &other), -QUARRY_EINVAL);
	assert_int_equal(cma_declare_contiguous(0, 1, 0, 3 * MOCK_MIB, 0, false, "", &other),
			 -QUARRY_EINVAL);
	/* Somebody else's area, or frames in use. */
	assert_int_equal(cma_init_reserved_mem(AREA, 2 * MOCK_MIB, 0, "", &other), -QUARRY_EBUSY);

	assert_int_equal(cma_declare_contiguous(0, 3 * MOCK_MIB, AREA, 0, 0, false, "low", &other),
			 0);
	assert_int_equal(cma_get_base(other), AREA - 4 * MOCK_MIB);
	assert_int_equal(cma_get_size(other), 4 * MOCK_MIB);
	assert_int_equal(cma_declare_contiguous(BASE + 4 * MOCK_MIB, 2 * MOCK_MIB, 0, 0, 0, true,
						"there", &other),
			 0);
	assert_int_equal(cma_get_base(other), BASE + 4 * MOCK_MIB);
	/* Highest first: below the library's own tables and what is in use. */
	assert_int_equal(cma_declare_contiguous_nid(0, 4 * MOCK_MIB, 0, 4 * MOCK_MIB, 0, false,
						    "a name that is much too long to be kept",
						    &other, 0),
			 0);
	assert_true(cma_get_base(other) >= BASE + 48 * MOCK_MIB);
	assert_int_equal(strlen(cma_get_name(other)), QUARRY_CMA_NAME_SIZE - 1);
	assert_int_equal(cma_declare_contiguous(0, MOCK_GIB, 0, 0, 0, false, "", &other),
			 -QUARRY_EBUSY);
	for (unsigned i = 0; i < QUARRY_CMA_AREAS - 4; i++)
		assert_int_equal(cma_declare_contiguous(0, 1, AREA, 0, 0, false, "small", &other),
				 0);
	assert_int_equal(cma_declare_contiguous(0, 1, 0, 0, 0, false, "", &other), -QUARRY_ENOSPC);
	assert_int_equal(cma_for_each_area(count_areas, &found), 77);
	assert_int_equal(found, 5);
	end();
}

/* ---- requests that may not borrow ---- */

#define PLAIN GFP_NOWAIT

/* All but the area is used up, and the OS holds 1000 pages that it could free. */
static void start_lent(void)
{
	struct page *page;

	start(false);
	mock_reclaim()->kswapd = true;
	mock_reclaim_changed();
	for (unsigned i = 0; i < 1000; i++)
		mock_reclaim_give(alloc_page(GFP_KERNEL));
	while ((page = alloc_page(PLAIN)))
		hold_block(page, 0);
	assert_true(zone_of(ZONE_NORMAL)->lent_free > 1000);
}

static void stop_lent(void)
{
	struct mock_reclaim *r = mock_reclaim();

	for (struct page *page; (page = r->chain);) {
		r->chain = page->mapping;
		__free_page(page);
	}
	stop();
}

/* G73: what is lent is no help to a request that may not borrow, so kswapd does not count it. */
static void g073_kswapd_does_not_count_lent_pages(void **state)
{
	struct zone *zone;
	(void)state;
	start_lent();
	assert_int_equal(mock_kswapd(), 1);
	zone = zone_of(ZONE_NORMAL);
	assert_true(zone->free - zone->lent_free >= zone->mark[MARK_HIGH]);
	struct page *page = alloc_page(PLAIN);
	assert_non_null(page);
	hold_block(page, 0);
	assert_int_equal(mock_kswapd(), 0);
	stop_lent();
}

/* The record of the failure says where the free pages are. */
static void a_failure_tells_of_lent_pages(void **state)
{
	struct quarry_failure failure;
	(void)state;
	start_lent();
	assert_true(quarry_last_failure(&failure));
	assert_int_equal(failure.reason, QUARRY_FAIL_NO_RECLAIM);
	assert_int_equal(failure.zone[0].kept, zone_of(ZONE_NORMAL)->lent_free);
	assert_int_equal(failure.zone[0].floor, failure.zone[0].min + failure.zone[0].kept);
	assert_int_equal(failure.zone[0].refusal, QUARRY_ZONE_AT_FLOOR);
	stop_lent();
}

/* A free block in the area does not stand for one that everybody can have. */
static void lent_blocks_do_not_keep_compaction_away(void **state)
{
	unsigned n = 0;
	(void)state;
	start(false);
	hold_all(ATOMIC_ALL, 0);
	/* Pages that move take some of what the kernel could have. */
	for (unsigned i = 0; i < 1024; i++)
		__free_page(hold.block[--hold.nr].page);
	while (owner_take(n, 0, GFP_HIGHUSER_MOVABLE | __GFP_MEMALLOC | __GFP_NOWARN))
		n++;
	for (unsigned i = 0; i < n; i++)
		if (in_area(owner.slot[i].page) || i % 2)
			owner_free(i);
	assert_true(zone_has_block(zone_of(ZONE_NORMAL), 4, true));
	assert_false(zone_has_block(zone_of(ZONE_NORMAL), 4, false));
	struct page *page = alloc_pages(GFP_KERNEL | __GFP_NOWARN, 4);
	assert_non_null(page);
	assert_true(owner.migrated > 0);
	__free_pages(page, 4);
	stop();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		page_test(g005_cma_alloc),
		page_test(who_may_borrow),
		page_test(g043_pins_stay_out),
		page_test(reports_show_areas),
		page_test(pinned_pages_are_gone_round),
		page_test(random_claims),
		page_test(wrong_releases),
		page_test(areas_are_declared),
		page_test(g073_kswapd_does_not_count_lent_pages),
		page_test(a_failure_tells_of_lent_pages),
		page_test(lent_blocks_do_not_keep_compaction_away),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
