/* SPDX-License-Identifier: MIT */
/* test_watermark.c: marks, reserves and floors, page-exact on the reference zone (spec part 0). */
#include "page_test.h"

#include "mm/phys/freepage.h"

/* ---- marks ---- */

static void reference_marks(void **state)
{
	(void)state;
	start_reference_zone(false);
	const struct zone *zone = zone_of(ZONE_NORMAL);
	assert_int_equal(zone->mark[MARK_MIN], 512);
	assert_int_equal(zone->mark[MARK_LOW], 640);
	assert_int_equal(zone->mark[MARK_HIGH], 768);
	assert_int_equal(watermark_floor(zone, MARK_LOW, RESERVE_NONE, ZONE_NORMAL), 640);
	assert_int_equal(watermark_floor(zone, MARK_MIN, RESERVE_NONE, ZONE_NORMAL), 512);
	assert_int_equal(watermark_floor(zone, MARK_MIN, RESERVE_HIGH, ZONE_NORMAL), 256);
	assert_int_equal(watermark_floor(zone, MARK_MIN, RESERVE_ATOMIC, ZONE_NORMAL), 192);
	assert_int_equal(watermark_floor(zone, MARK_MIN, RESERVE_ALL, ZONE_NORMAL), 0);
	mock_stop();
}

/* Marks rise with the zone, never exceed it, and are in order, for machines of every size. */
static void marks_of_every_size(void **state)
{
	unsigned long before = 0;

	(void)state;
	for (uint64_t mib = 1; mib <= 16 * 1024; mib *= 2) {
		mock_start(&(struct mock_config){
			.base = 4 * MOCK_GIB, .bytes = mib * MOCK_MIB, .no_vmalloc = true});
		const struct zone *zone = zone_of(ZONE_NORMAL);
		assert_true(zone->mark[MARK_MIN] >= before);
		assert_true(zone->mark[MARK_MIN] <= zone->mark[MARK_LOW]);
		assert_true(zone->mark[MARK_LOW] <= zone->mark[MARK_HIGH]);
		assert_true(zone->mark[MARK_HIGH] <= zone->managed / 8);
		before = zone->mark[MARK_MIN];
		mock_stop();
	}
	assert_in_range(before, 4060, 4096); /* sqrt(16 * 16 GiB in KiB) = 16 MiB, less metadata */
}

/* A deeper right never has a higher floor (H21), and no floor goes below zero (H20). */
static void h021_floors_are_monotonic(void **state)
{
	(void)state;
	start_reference_zone(false);
	struct zone zone = *zone_of(ZONE_NORMAL);
	for (unsigned long mark = 0; mark < 600; mark++) {
		for (unsigned long reserve = 0; reserve < 40; reserve += 13) {
			unsigned long above = ~0ul;
			zone.mark[MARK_MIN] = mark;
			zone.reserve[ZONE_NORMAL] = reserve;
			for (unsigned depth = 0; depth < NR_RESERVE_DEPTHS; depth++) {
				unsigned long floor =
					watermark_floor(&zone, MARK_MIN,
							(enum gfp_reserve_depth)depth, ZONE_NORMAL);
				assert_true(floor <= above);
				assert_true(floor <= mark + reserve);
				above = floor;
			}
			assert_int_equal(above, 0);
		}
	}
	mock_stop();
}

/* ---- floors, as requests meet them ---- */

/* Pages that a mask leaves in the reference zone when it asks until it fails. */
static unsigned long floor_of(gfp_t gfp)
{
	struct zone *zone = zone_of(ZONE_NORMAL);
	struct page *page;

	start_reference_zone(false);
	leave_free(zone, 900);
	while ((page = alloc_page(gfp | __GFP_NOWARN)))
		hold_block(page, 0);
	unsigned long left = zone_free(zone);
	free_held();
	mock_stop();
	return left;
}

static void g027_nowait_fails_at_the_minimum(void **state)
{
	(void)state;
	start_reference_zone(false);
	leave_free(zone_of(ZONE_NORMAL), 513);
	struct page *page = alloc_page(GFP_NOWAIT);
	assert_non_null(page);
	assert_int_equal(nr_free_pages(), 512);
	assert_null(alloc_page(GFP_NOWAIT));
	assert_int_equal(nr_free_pages(), 512);
	__free_page(page);
	free_held();
	mock_stop();
}

static void g029_atomic_uses_part_of_the_reserve(void **state)
{
	struct zone *zone = zone_of(ZONE_NORMAL);

	(void)state;
	start_reference_zone(false);
	leave_free(zone, 512);
	assert_null(alloc_page(GFP_NOWAIT));
	assert_int_equal(hold_all(GFP_ATOMIC | __GFP_NOWARN, 0), 512 - 192);
	assert_int_equal(zone_free(zone), 192);
	free_held();
	mock_stop();
}

static void g065_without_reclaim_the_floor_is_the_minimum(void **state)
{
	(void)state;
	assert_int_equal(floor_of(GFP_KERNEL & ~__GFP_RECLAIM), 512);
	assert_int_equal(floor_of(GFP_KERNEL), 512);
}

static void g075_atomic_floors(void **state)
{
	(void)state;
	assert_int_equal(floor_of(GFP_NOWAIT), 512);
	assert_int_equal(floor_of(GFP_ATOMIC), 192);
}

/* Both spellings of "atomic" reach the same floor (D2). */
static void g072_spellings_agree(void **state)
{
	(void)state;
	assert_int_equal(floor_of((GFP_KERNEL | __GFP_HIGH) & ~__GFP_DIRECT_RECLAIM), 192);
	assert_int_equal(floor_of(GFP_KERNEL & ~__GFP_DIRECT_RECLAIM), 512);
}

static void g076_high_with_reclaim_gets_less(void **state)
{
	(void)state;
	assert_int_equal(floor_of(GFP_KERNEL | __GFP_HIGH), 256);
}

static void g079_nomemalloc_forbids_reserves(void **state)
{
	(void)state;
	assert_int_equal(floor_of(GFP_KERNEL | __GFP_MEMALLOC | __GFP_NOMEMALLOC), 512);
	assert_int_equal(floor_of(GFP_NOWAIT | __GFP_MEMALLOC | __GFP_NOMEMALLOC), 512);
}

static void g080_memalloc_takes_all(void **state)
{
	(void)state;
	assert_int_equal(floor_of(GFP_KERNEL | __GFP_MEMALLOC), 0);
}

static void the_first_try_stops_at_the_low_mark(void **state)
{
	const struct page_request request = {
		.gfp = GFP_KERNEL,
		.highest = ZONE_NORMAL,
		.type = MIGRATE_UNMOVABLE,
		.call = "test",
	};
	struct zone *zone = zone_of(ZONE_NORMAL);

	(void)state;
	start_reference_zone(false);
	leave_free(zone, 641);
	struct page *page = freepage_take(&request, MARK_LOW, RESERVE_NONE);
	assert_non_null(page);
	assert_int_equal(zone_free(zone), 640);
	assert_null(freepage_take(&request, MARK_LOW, RESERVE_NONE));
	assert_int_equal(zone_free(zone), 640);
	arch_mem_unpoison(page_address(page), PAGE_SIZE);
	__free_page(page);
	free_held();
	mock_stop();
}

/* A block of 2^o pages may go down to the floor, not below. */
static void floors_hold_for_every_order(void **state)
{
	(void)state;
	for (unsigned order = 0; order <= MAX_PAGE_ORDER; order++) {
		unsigned long block = 1ul << order;
		start_reference_zone(false);
		/* All memory but some maximum-order blocks, then single pages back. */
		leave_free(zone_of(ZONE_NORMAL), 4 * MAX_ORDER_NR_PAGES);
		hold_all(GFP_NOWAIT, order);
		assert_in_range(nr_free_pages(), 512, 512 + block - 1);
		free_held();
		mock_stop();
	}
}

/* What ordinary requests cannot take is there for those that may (H22). */
static void h022_reserves_are_there_after_exhaustion(void **state)
{
	(void)state;
	start_reference_zone(false);
	leave_free(zone_of(ZONE_NORMAL), 1000);
	assert_int_equal(hold_all(GFP_KERNEL | __GFP_NOWARN, 0), 1000 - 512);
	assert_int_equal(hold_all(GFP_KERNEL | __GFP_HIGH | __GFP_NOWARN, 0), 512 - 256);
	assert_int_equal(hold_all(GFP_ATOMIC | __GFP_NOWARN, 0), 256 - 192);
	assert_int_equal(hold_all(GFP_KERNEL | __GFP_MEMALLOC | __GFP_NOWARN, 0), 192);
	assert_int_equal(nr_free_pages(), 0);
	free_held();
	mock_stop();
}

static void pages_of_the_reserve_are_marked(void **state)
{
	(void)state;
	start_reference_zone(false);
	struct page *page = alloc_page(GFP_KERNEL | __GFP_MEMALLOC);
	assert_false(page_is_pfmemalloc(page));
	__free_page(page);
	leave_free(zone_of(ZONE_NORMAL), 100);
	page = alloc_page(GFP_KERNEL | __GFP_MEMALLOC);
	assert_true(page_is_pfmemalloc(page));
	__free_page(page);
	free_held();
	page = alloc_page(GFP_KERNEL);
	assert_false(page_is_pfmemalloc(page));
	__free_page(page);
	mock_stop();
}

/* ---- reserves of lower zones ---- */

static void g016_lower_zones_keep_a_reserve(void **state)
{
	struct zone *dma = zone_of(ZONE_DMA);

	(void)state;
	mock_start(&four_zones);
	unsigned long above = zone_of(ZONE_DMA32)->managed + zone_of(ZONE_NORMAL)->managed;
	assert_int_equal(dma->reserve[ZONE_NORMAL], above / 256);
	assert_int_equal(dma->reserve[ZONE_DMA], 0);
	hold_all(GFP_KERNEL | __GFP_NOWARN, 0);
	assert_int_equal(zone_free(dma), dma->mark[MARK_MIN] + above / 256);
	assert_int_equal(zone_free(zone_of(ZONE_NORMAL)), zone_of(ZONE_NORMAL)->mark[MARK_MIN]);
	/* A request for the zone itself is not held off. */
	assert_int_equal(hold_all(GFP_KERNEL | GFP_DMA | __GFP_NOWARN, 0), above / 256);
	assert_int_equal(zone_free(dma), dma->mark[MARK_MIN]);
	free_held();
	mock_stop();
}

/* ---- tunables: in force when the call returns ---- */

static void tunables_take_effect_at_once(void **state)
{
	struct quarry_tunables tunables;
	const struct zone *zone = zone_of(ZONE_NORMAL);
	(void)state;
	start_reference_zone(false);
	quarry_get_tunables(&tunables);
	assert_int_equal(tunables.watermark_scale_factor, 10);
	tunables.min_free_kbytes = 4096;
	tunables.watermark_scale_factor = 100;
	assert_int_equal(quarry_set_tunables(&tunables), 0);
	assert_int_equal(zone->mark[MARK_MIN], 1024);
	assert_int_equal(zone->mark[MARK_LOW], 1024 + 655);
	assert_int_equal(zone->mark[MARK_HIGH], 1024 + 2 * 655);
	/* What the owner asks for is not cut down to what would be the default's limit. */
	tunables.min_free_kbytes = 32768;
	assert_int_equal(quarry_set_tunables(&tunables), 0);
	assert_int_equal(zone->mark[MARK_MIN], 8192);
	tunables.min_free_kbytes = 1ul << 40;
	assert_int_equal(quarry_set_tunables(&tunables), 0);
	assert_int_equal(zone->mark[MARK_MIN], 65536 / 2);
	tunables.min_free_kbytes = 4096;
	assert_int_equal(quarry_set_tunables(&tunables), 0);

	/* Nothing changes if one value is bad. */
	mock_expect_report(QUARRY_RULE_BAD_ARGUMENT, 2);
	tunables.min_free_kbytes = 8192;
	tunables.watermark_scale_factor = 3001;
	assert_int_equal(quarry_set_tunables(&tunables), -QUARRY_EINVAL);
	tunables.watermark_scale_factor = 10;
	tunables.percpu_pagelist_high_fraction = 7;
	assert_int_equal(quarry_set_tunables(&tunables), -QUARRY_EINVAL);
	assert_int_equal(zone->mark[MARK_MIN], 1024);
	mock_stop();
}

static void lowmem_ratio_is_tunable(void **state)
{
	struct quarry_tunables tunables;
	(void)state;
	mock_start(&four_zones);
	quarry_get_tunables(&tunables);
	tunables.lowmem_reserve_ratio[ZONE_DMA] = 0;
	tunables.lowmem_reserve_ratio[ZONE_DMA32] = 8;
	assert_int_equal(quarry_set_tunables(&tunables), 0);
	assert_int_equal(zone_of(ZONE_DMA)->reserve[ZONE_NORMAL], 0);
	assert_int_equal(zone_of(ZONE_DMA32)->reserve[ZONE_NORMAL],
			 zone_of(ZONE_NORMAL)->managed / 8);
	mock_stop();
}

/* H34: stocks shrink and grow again while they are full and while other CPUs use theirs. */
static void parking_is_tunable(void **state)
{
	struct quarry_tunables tunables;
	struct page *pages[256];
	(void)state;
	mock_start(&(struct mock_config){.bytes = 256 * MOCK_MIB, .cpus = 2});
	quarry_get_tunables(&tunables);
	for (unsigned round = 0; round < 4; round++) {
		for (unsigned cpu = 0; cpu < 2; cpu++) {
			mock_set_cpu(cpu);
			for (unsigned i = 0; i < 256; i++)
				assert_non_null(pages[i] = alloc_page(GFP_KERNEL));
			free_pages_bulk(256, pages);
		}
		mock_set_cpu(0);
		assert_true(nr_parked_pages() > 0);
		tunables.percpu_pagelist_high_fraction = round & 1 ? 0 : 1000;
		assert_int_equal(quarry_set_tunables(&tunables), 0);
		assert_int_equal(nr_parked_pages(), 0);
		assert_int_equal(mm_check(), 0);
	}
	mock_stop();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		page_test(tunables_take_effect_at_once),
		page_test(lowmem_ratio_is_tunable),
		page_test(parking_is_tunable),
		page_test(reference_marks),
		page_test(marks_of_every_size),
		page_test(h021_floors_are_monotonic),
		page_test(g027_nowait_fails_at_the_minimum),
		page_test(g029_atomic_uses_part_of_the_reserve),
		page_test(g065_without_reclaim_the_floor_is_the_minimum),
		page_test(g072_spellings_agree),
		page_test(g075_atomic_floors),
		page_test(g076_high_with_reclaim_gets_less),
		page_test(g079_nomemalloc_forbids_reserves),
		page_test(g080_memalloc_takes_all),
		page_test(the_first_try_stops_at_the_low_mark),
		page_test(floors_hold_for_every_order),
		page_test(h022_reserves_are_there_after_exhaustion),
		page_test(pages_of_the_reserve_are_marked),
		page_test(g016_lower_zones_keep_a_reserve),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
