/* SPDX-License-Identifier: MIT */
/* test_zone_info.c: zones and nodes through the functions of quarry/mmzone.h. */
#define QUARRY_MAX_ORDER_IS_LARGEST 0
#include "page_test.h"

#include "mm/ext/cma.h"

#include <quarry/mm.h>

static const struct quarry_mem_range two_nodes_map[] = {
	{MOCK_MIB, 31 * MOCK_MIB, QUARRY_MEM_USABLE, 0},
	{4 * MOCK_GIB, 64 * MOCK_MIB, QUARRY_MEM_USABLE, 0},
	{4 * MOCK_GIB + 64 * MOCK_MIB, 32 * MOCK_MIB, QUARRY_MEM_USABLE, 1},
	{4 * MOCK_GIB + 96 * MOCK_MIB, 32 * MOCK_MIB, QUARRY_MEM_LATER, 1},
};
static const struct mock_config two_nodes = {.map = two_nodes_map, .nr_map = 4};

static void every_zone_is_met_once(void **state)
{
	unsigned long managed = 0, free = 0;
	unsigned met = 0, populated = 0;
	struct zone *zone;

	(void)state;
	mock_start(&two_nodes);
	for_each_zone(zone)
	{
		assert_ptr_equal(zone, &zones[met++]);
		assert_ptr_equal(pgdat_zone(NODE_DATA(zone_to_nid(zone)), zone_idx(zone)), zone);
		assert_true(zone_managed_pages(zone) <= zone_present_pages(zone));
		assert_true(zone_present_pages(zone) <= zone_spanned_pages(zone));
		managed += zone_managed_pages(zone);
		free += zone_free_pages(zone);
	}
	assert_int_equal(met, 2 * MAX_NR_ZONES);
	assert_int_equal(managed, totalram_pages());
	assert_int_equal(free, nr_free_pages());
	for_each_populated_zone(zone)
	{
		populated++;
		assert_true(populated_zone(zone) && managed_zone(zone));
	}
	assert_int_equal(populated, 4); /* DMA, DMA32, Normal; Normal of node 1 */
	assert_false(populated_zone(pgdat_zone(NODE_DATA(1), ZONE_DMA)));
	assert_false(managed_zone(pgdat_zone(NODE_DATA(0), ZONE_MOVABLE)));
	assert_null(NODE_DATA(2));
	assert_null(NODE_DATA(-1));
	assert_string_equal(zone_type_name(ZONE_NORMAL), "Normal");
	assert_string_equal(zone_type_name(MAX_NR_ZONES), "?");
	mock_stop();
}

static void nodes_have_sizes(void **state)
{
	const unsigned long second = PFN_DOWN(4 * MOCK_GIB + 64 * MOCK_MIB);

	(void)state;
	mock_start(&two_nodes);
	assert_int_equal(node_start_pfn(0), PFN_DOWN(MOCK_MIB));
	assert_int_equal(node_end_pfn(0), second);
	assert_int_equal(node_present_pages(0), PFN_DOWN(95 * MOCK_MIB));
	assert_int_equal(node_spanned_pages(0), second - PFN_DOWN(MOCK_MIB));
	assert_int_equal(node_start_pfn(1), second);
	assert_int_equal(node_present_pages(1), PFN_DOWN(32 * MOCK_MIB));
	assert_int_equal(quarry_add_memory(two_nodes_map[3].base, two_nodes_map[3].size), 0);
	assert_int_equal(node_present_pages(1), PFN_DOWN(64 * MOCK_MIB));
	assert_int_equal(node_end_pfn(1), second + PFN_DOWN(64 * MOCK_MIB));
	assert_int_equal(quarry_remove_memory(two_nodes_map[3].base, two_nodes_map[3].size), 0);
	assert_int_equal(node_start_pfn(7) | node_end_pfn(7) | node_present_pages(7), 0);
	mock_stop();
}

static void a_page_knows_its_zone(void **state)
{
	(void)state;
	mock_start(&two_nodes);
	struct page *page = alloc_pages_node(1, GFP_KERNEL | __GFP_COMP, 3);
	const struct zone *zone = page_zone(page + 5);

	assert_int_equal(zone_to_nid(zone), 1);
	assert_int_equal(zone_idx(zone), ZONE_NORMAL);
	assert_int_equal(zone_idx(zone), page_zonenum(page + 5));
	assert_true(zone_spans_pfn(zone, page_to_pfn(page)));
	assert_false(zone_spans_pfn(zone, node_end_pfn(0) - 1));
	assert_int_equal(MAX_ORDER, MAX_PAGE_ORDER + 1);
	__free_pages(page, 3);
	mock_stop();
}

/* The answer for a request is what the allocator does: the last page down to the mark is had. */
static void watermark_ok_is_what_the_allocator_does(void **state)
{
	(void)state;
	start_reference_zone(true);
	struct zone *zone = zone_of(ZONE_NORMAL);
	unsigned long min = min_wmark_pages(zone);

	assert_int_equal(min, zone->mark[MARK_MIN]);
	assert_int_equal(low_wmark_pages(zone), zone->mark[MARK_LOW]);
	assert_int_equal(high_wmark_pages(zone), zone->mark[MARK_HIGH]);
	while (zone_watermark_ok(zone, 0, min, ZONE_NORMAL, 0)) {
		struct page *page = alloc_page(GFP_NOWAIT | __GFP_NOWARN);
		assert_non_null(page);
		hold_block(page, 0);
	}
	assert_int_equal(zone_free_pages(zone), min);
	assert_null(alloc_page(GFP_NOWAIT | __GFP_NOWARN));
	assert_false(zone_watermark_ok(zone, MAX_PAGE_ORDER + 1, 0, ZONE_NORMAL, 0));
	assert_false(zone_watermark_ok(zone, 0, 0, MAX_NR_ZONES, 0));
	assert_false(zone_watermark_ok(zone, 0, 0, -1, 0));
	/* Much is free, but no two pages side by side. */
	for (unsigned long i = 0; i < hold.nr; i++)
		if (page_to_pfn(hold.block[i].page) % 2)
			__free_page(hold.block[i].page);
	for (unsigned long i = 0, kept = 0; i < hold.nr; i++) {
		if (page_to_pfn(hold.block[i].page) % 2 == 0)
			hold.block[kept++] = hold.block[i];
		if (i == hold.nr - 1)
			hold.nr = kept;
	}
	assert_true(zone_watermark_ok(zone, 0, min, ZONE_NORMAL, 0));
	/* What the mark kept was never split up: one block of order 9 is there, and no second. */
	assert_true(zone_watermark_ok(zone, 9, min, ZONE_NORMAL, 0));
	hold_block(alloc_pages(GFP_NOWAIT | __GFP_NOWARN, 9), 9);
	assert_non_null(hold.block[hold.nr - 1].page);
	assert_false(zone_watermark_ok(zone, 9, min, ZONE_NORMAL, 0));
	assert_false(zone_watermark_ok(zone, 1, min, ZONE_NORMAL, 0));
	assert_null(alloc_pages(GFP_NOWAIT | __GFP_NOWARN, 1));
	free_held();
	mock_stop();
}

static void lent_pages_count_if_asked(void **state)
{
	const struct quarry_mem_range map = {4 * MOCK_GIB, 16 * MOCK_MIB, QUARRY_MEM_USABLE, 0};
	struct cma *area;

	(void)state;
	mock_start(&(struct mock_config){.map = &map, .nr_map = 1, .no_vmalloc = true});
	assert_int_equal(
		cma_init_reserved_mem(map.base + 8 * MOCK_MIB, 4 * MOCK_MIB, 0, "lent", &area), 0);
	struct zone *zone = zone_of(ZONE_NORMAL);
	unsigned long free = zone_free_pages(zone);

	assert_true(zone_watermark_ok(zone, 0, free - 1, ZONE_NORMAL, QUARRY_COUNT_LENT));
	assert_false(zone_watermark_ok(zone, 0, free - 1, ZONE_NORMAL, 0));
	assert_true(zone_watermark_ok(zone, 0, free - 1025, ZONE_NORMAL, 0));
	assert_true(cma_end_all());
	mock_stop();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		page_test(every_zone_is_met_once),
		page_test(nodes_have_sizes),
		page_test(a_page_knows_its_zone),
		page_test(watermark_ok_is_what_the_allocator_does),
		page_test(lent_pages_count_if_asked),
	};
	return cmocka_run_group_tests_name("zone_info", tests, NULL, NULL);
}
