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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(g077_high_order_atomic_reserve),
		cmocka_unit_test(atomic_reserve_is_bounded),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
