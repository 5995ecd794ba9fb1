/* SPDX-License-Identifier: MIT */
/* test_freepage.c: reserves that stay with those who have a right to them, stocks or not. */
#include "page_test.h"

#define HIGH (4 * MOCK_GIB)
#define ORDINARY (GFP_KERNEL | __GFP_NORETRY | __GFP_NOWARN)
#define INTERRUPT (GFP_ATOMIC | __GFP_NOWARN)

static void start(void)
{
	mock_start(
		&(struct mock_config){.base = HIGH, .bytes = 256 * MOCK_MIB, .no_vmalloc = true});
}

/* Everybody without a right takes what there is. Return: how many pages. */
static unsigned long take_ordinary(void)
{
	return hold_all(GFP_NOWAIT | __GFP_NOWARN, 0);
}

/* An interrupt takes a page of the reserve and gives it back, again and again: nobody else ever
 * gets it. */
static void h022_freed_reserve_pages_stay_reserve(void **state)
{
	(void)state;
	start();
	struct zone *zone = &zones[ZONE_NORMAL];

	hold_all(ORDINARY, 0);
	unsigned long free = zone_free(zone), parked = pcp_parked(zone);
	assert_true(free >= zone->mark[MARK_MIN] - 1);
	for (unsigned i = 0; i < 1000; i++) {
		struct page *page = alloc_page(INTERRUPT);
		assert_non_null(page);
		__free_page(page);
		assert_int_equal(take_ordinary(), 0);
	}
	assert_int_equal(zone_free(zone), free);
	assert_int_equal(pcp_parked(zone), parked);
	free_held();
	mock_stop();
}

/* A request that may take everything takes one page, and no batch for the others. */
static void h022_a_reserve_page_comes_alone(void **state)
{
	(void)state;
	start();
	struct zone *zone = &zones[ZONE_NORMAL];
	unsigned long all = 0, marked = 0;

	hold_all(ORDINARY, 0);
	unsigned long reserve = zone_free(zone);
	for (struct page *page; (page = alloc_page(ATOMIC_ALL)); all++) {
		marked += page_is_pfmemalloc(page);
		hold_block(page, 0);
		assert_int_equal(take_ordinary(), 0);
	}
	assert_int_equal(all, reserve);
	assert_int_equal(marked, reserve);
	assert_int_equal(zone_free(zone), 0);
	free_held();
	mock_stop();
}

/* G16: what GFP_DMA takes and gives back is not for requests that could have had a higher zone. */
static void g016_protected_zones_with_stocks(void **state)
{
	static const struct quarry_mem_range map[] = {
		{MOCK_MIB, 15 * MOCK_MIB, QUARRY_MEM_USABLE, 0},
		{HIGH, 1024 * MOCK_MIB, QUARRY_MEM_USABLE, 0},
	};
	(void)state;
	mock_start(&(struct mock_config){.map = map, .nr_map = 2, .no_vmalloc = true});
	struct zone *dma = &zones[ZONE_DMA];

	hold_all(ORDINARY, 0);
	unsigned long free = zone_free(dma);
	assert_true(free > 500);
	for (unsigned i = 0; i < 300; i++) {
		struct page *page = alloc_page(ORDINARY | GFP_DMA);
		assert_non_null(page);
		assert_int_equal(page_zonenum(page), ZONE_DMA);
		__free_page(page);
		assert_int_equal(take_ordinary(), 0);
	}
	assert_int_equal(zone_free(dma) + pcp_parked(dma), free);
	free_held();
	mock_stop();
}

/* As many pages can be had with an interrupt's traffic beside as without. */
static void exhaustion_is_exact_beside_an_interrupt(void **state)
{
	(void)state;
	start();
	unsigned long alone = hold_all(ORDINARY, 0), beside = 0;

	free_held();
	for (struct page *page; (page = alloc_page(ORDINARY)); beside++) {
		struct page *buffer = alloc_page(INTERRUPT);
		if (buffer)
			__free_page(buffer);
		hold_block(page, 0);
	}
	assert_int_equal(beside, alone);
	free_held();
	mock_stop();
}

/* A page of the reserve may be a user's: G13's question is answered as without. */
static void g013_a_reserve_page_may_be_a_users(void **state)
{
	(void)state;
	start();
	hold_all(ORDINARY, 0);
	struct page *page = alloc_page(GFP_HIGHUSER_MOVABLE | ATOMIC_ALL);

	assert_non_null(page);
	assert_true(page_may_be_mapped_by_user(page));
	__free_page(page);
	free_held();
	mock_stop();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		page_test(h022_freed_reserve_pages_stay_reserve),
		page_test(h022_a_reserve_page_comes_alone),
		page_test(g016_protected_zones_with_stocks),
		page_test(exhaustion_is_exact_beside_an_interrupt),
		page_test(g013_a_reserve_page_may_be_a_users),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
