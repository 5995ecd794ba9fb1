/* SPDX-License-Identifier: MIT */
/*
 * test_slowpath.c: the ladder below the low mark.
 */
#include "tests/unit/phys/page_test.h"

/* Take single pages until `free` are left in the reference zone; keep them in a chain through the
 * pages themselves. */
static struct page *drain_to(unsigned long free)
{
	struct page *chain = NULL;

	while (nr_free_pages() > free) {
		struct page *page = alloc_page(ATOMIC_ALL);
		assert_non_null(page);
		page->mapping = chain;
		chain = page;
	}
	return chain;
}
static void give_back(struct page *chain)
{
	while (chain) {
		struct page *next = chain->mapping;
		__free_page(chain);
		chain = next;
	}
}

/*
 * G77: an order-2 atomic request that needed the reserve leaves a pageblock for the next one;
 * single pages do not touch it, so a later order-2 request finds room even when nothing else of
 * that size is left; a request that may sleep gets it before it fails.
 */
static void g077_high_order_atomic_reserve(void **state)
{
	const gfp_t atomic = GFP_ATOMIC | __GFP_NOWARN, single = GFP_NOWAIT;
	struct zone *zone = zone_of(ZONE_NORMAL);
	(void)state;
	start_reference_zone(false);
	struct page *chain = drain_to(600); /* below low, above min */
	struct page *first = alloc_pages(atomic, 2);
	assert_non_null(first);
	assert_int_equal(zone->atomic_blocks, 1);
	assert_true(zone->atomic_free > 0);
	assert_int_equal(mm_check(), 0);

	/* Ordinary requests fail while the reserve is full; an atomic one of order 2 succeeds out
	 * of it. */
	unsigned long kept = zone->atomic_free;
	for (;;) {
		struct page *page = alloc_page(single);
		if (!page)
			break;
		page->mapping = chain;
		chain = page;
	}
	assert_int_equal(zone->atomic_free, kept);
	struct page *second = alloc_pages(atomic, 2);
	assert_non_null(second);

	/* Freed, it is there for the next one again. */
	__free_pages(second, 2);
	assert_int_equal(zone->atomic_free, kept);

	/* A request that may sleep takes the reserve apart rather than fail. */
	struct page *last = alloc_page(GFP_KERNEL | __GFP_HIGH | __GFP_NOWARN);
	assert_non_null(last);
	__free_page(last);
	__free_pages(first, 2);
	give_back(chain);
	mock_stop();
}

/* The reserve never grows beyond one pageblock and 1 % of the zone. */
static void atomic_reserve_is_bounded(void **state)
{
	struct page *blocks[64];
	unsigned nr = 0;
	(void)state;
	start_reference_zone(false);
	struct page *chain = drain_to(600);
	while (nr < 64 && (blocks[nr] = alloc_pages(GFP_ATOMIC | __GFP_NOWARN, 2)))
		nr++;
	assert_true(nr > 0);
	assert_true(zone_of(ZONE_NORMAL)->atomic_blocks <= 1 + 65536 / 100 / 512);
	while (nr)
		__free_pages(blocks[--nr], 2);
	give_back(chain);
	mock_stop();
}

/* Blocks of a pageblock or more do not join the reserve: it counts pageblocks singly. */
static void large_atomic_blocks_reserve_nothing(void **state)
{
	(void)state;
	start_reference_zone(false);
	struct page *chain = drain_to(2000);
	struct page *block = alloc_pages(GFP_ATOMIC | __GFP_NOWARN, 9);
	if (block)
		__free_pages(block, 9);
	assert_int_equal(zone_of(ZONE_NORMAL)->atomic_blocks, 0);
	give_back(chain);
	mock_stop();
}

/* G100: a request that never fails waits until an interrupt frees something. */
static struct page *late_chain;
static void free_late(void *arg)
{
	(void)arg;
	give_back(late_chain);
	late_chain = NULL;
}
static void g100_nofail_waits_for_memory(void **state)
{
	(void)state;
	start_reference_zone(false);
	late_chain = drain_to(0);
	mock_interrupt_at(20000, free_late, NULL);
	struct page *page = alloc_page(GFP_KERNEL | __GFP_NOFAIL);
	assert_non_null(page);
	assert_null(late_chain);
	__free_page(page);
	mock_stop();
}

/* Memory that comes later is preferred and parked like memory that was there from the start. */
static void later_memory_is_used_at_once(void **state)
{
	static const struct quarry_mem_range map[] = {
		{16 * MOCK_MIB, 64 * MOCK_MIB, QUARRY_MEM_USABLE, 0},
		{4 * MOCK_GIB, 256 * MOCK_MIB, QUARRY_MEM_LATER, 0},
	};
	(void)state;
	mock_start(&(struct mock_config){.map = map, .nr_map = 2, .cpus = 2});
	struct page *page = alloc_page(GFP_KERNEL);
	assert_int_equal(page_zonenum(page), ZONE_DMA32);
	__free_page(page);
	assert_int_equal(quarry_add_memory(4 * MOCK_GIB, 256 * MOCK_MIB), 0);
	for (unsigned cpu = 0; cpu < 2; cpu++) {
		mock_set_cpu(cpu);
		page = alloc_page(GFP_KERNEL);
		assert_int_equal(page_zonenum(page), ZONE_NORMAL);
		__free_page(page);
	}
	assert_true(pcp_parked(zone_of(ZONE_NORMAL)) > 0);
	mock_set_cpu(0);
	mock_world.baseline += 256 * MOCK_MIB / PAGE_SIZE;
	mock_stop();
}

/* A pageblock that two nodes share is nobody's reserve: node 0 has no other. */
static void g077_no_reserve_in_a_shared_pageblock(void **state)
{
	static const struct quarry_mem_range map[] = {
		{28 * MOCK_MIB, MOCK_MIB, QUARRY_MEM_USABLE, 0},
		{29 * MOCK_MIB, 35 * MOCK_MIB, QUARRY_MEM_USABLE, 1},
	};
	const gfp_t here = __GFP_THISNODE | __GFP_NOWARN;
	struct page *page;

	(void)state;
	mock_start(&(struct mock_config){
		.map = map, .nr_map = 2, .no_vmalloc = true, .extra = {.no_parking = true}});
	while ((page = alloc_pages_node(0, GFP_NOWAIT | here, 0)))
		hold_block(page, 0);
	if ((page = alloc_pages_node(0, GFP_ATOMIC | here, 1)))
		hold_block(page, 1);
	assert_int_equal(mm_check(), 0);
	while ((page = alloc_pages_node(1, GFP_NOWAIT | here, 0)))
		hold_block(page, 0);
	assert_int_equal(mm_check(), 0);
	free_held();
	mock_stop();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(g077_high_order_atomic_reserve),
		cmocka_unit_test(atomic_reserve_is_bounded),
		cmocka_unit_test(large_atomic_blocks_reserve_nothing),
		cmocka_unit_test(g077_no_reserve_in_a_shared_pageblock),
		cmocka_unit_test(g100_nofail_waits_for_memory),
		cmocka_unit_test(later_memory_is_used_at_once),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
