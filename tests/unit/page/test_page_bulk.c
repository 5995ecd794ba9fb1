/* SPDX-License-Identifier: MIT */
/* test_page_bulk.c: many pages in one call, exact sizes, splitting. */
#include "tests/unit/phys/page_test.h"

#include "mm/base/fault.h"

static void g124_exact_sizes_take_what_they_need(void **state)
{
	(void)state;
	mock_start(&(struct mock_config){.extra = {.no_parking = true}});
	unsigned long free = nr_free_pages();
	void *five = alloc_pages_exact(5 * PAGE_SIZE, GFP_KERNEL);
	assert_int_equal(nr_free_pages(), free - 5);
	memset(five, 1, 5 * PAGE_SIZE);
	free_pages_exact(five, 5 * PAGE_SIZE);
	assert_int_equal(nr_free_pages(), free);
	mock_stop();
}

/* Every number of pages, and sizes around each (H18). */
static void h018_every_size_is_balanced(void **state)
{
	(void)state;
	mock_start(&(struct mock_config){.extra = {.no_parking = true}});
	struct free_map before = free_map();
	unsigned long free = nr_free_pages();
	for (size_t pages = 1; pages <= MAX_ORDER_NR_PAGES; pages += pages < 70 ? 1 : 53) {
		for (size_t less = 0; less < 2; less++) {
			size_t size = pages * PAGE_SIZE - less;
			unsigned char *at = alloc_pages_exact(size, GFP_KERNEL);
			assert_non_null(at);
			assert_int_equal(nr_free_pages(), free - pages);
			at[0] = at[size - 1] = 1;
			free_pages_exact(at, size);
			assert_free_map(&before);
		}
	}
	mock_stop();
}

static void exact_sizes_that_do_not_exist(void **state)
{
	(void)state;
	mock_start(NULL);
	mock_expect_report(QUARRY_RULE_BAD_ORDER, 3);
	assert_null(alloc_pages_exact(0, GFP_KERNEL));
	assert_null(alloc_pages_exact((PAGE_SIZE << MAX_PAGE_ORDER) + 1, GFP_KERNEL));
	assert_null(alloc_pages_exact(SIZE_MAX, GFP_KERNEL));
	mock_stop();
}

/* The pages of an exact request go back one by one, in any order. */
static void exact_pages_are_single_pages(void **state)
{
	(void)state;
	mock_start(&(struct mock_config){.extra = {.no_parking = true}});
	unsigned long free = nr_free_pages();
	struct page *page = virt_to_page(alloc_pages_exact(7 * PAGE_SIZE, GFP_KERNEL));
	for (unsigned i = 0; i < 7; i++) {
		assert_int_equal(page_ref_count(&page[i]), 1);
		assert_int_equal(compound_order(&page[i]), 0);
		assert_ptr_equal(compound_head(&page[i]), &page[i]);
	}
	static const unsigned order[7] = {3, 0, 6, 1, 5, 2, 4};
	for (unsigned i = 0; i < 7; i++)
		__free_page(&page[order[i]]);
	assert_int_equal(nr_free_pages(), free);
	mock_stop();
}

static void splitting_makes_single_pages(void **state)
{
	(void)state;
	mock_start(&(struct mock_config){.extra = {.no_parking = true}});
	struct free_map before = free_map();
	for (unsigned order = 0; order <= MAX_PAGE_ORDER; order++) {
		struct page *page = alloc_pages(GFP_KERNEL, order);
		split_page(page, order);
		assert_int_equal(mm_check(), 0);
		for (unsigned long i = 0; i < 1ul << order; i++) {
			assert_int_equal(page_ref_count(&page[i]), 1);
			assert_ptr_equal(compound_head(&page[i]), &page[i]);
			assert_int_equal(page_to_nid(&page[i]), 0);
		}
		for (unsigned long i = 0; i < 1ul << order; i++)
			__free_page(&page[i ^ (1ul << order) / 2]);
		assert_free_map(&before);
	}
	mock_stop();
}

static void splitting_refuses_what_is_no_such_block(void **state)
{
	(void)state;
	mock_start(NULL);
	struct page *page = alloc_pages(GFP_KERNEL, 3);
	struct page *compound = alloc_pages(GFP_KERNEL | __GFP_COMP, 3);
	void *object = kmalloc(100, GFP_KERNEL);
	mock_expect_report(QUARRY_RULE_FREE_ORDER, 4);
	split_page(page, 2);
	split_page(page + 1, 0);
	split_page(compound, 3);
	split_page(virt_to_page(object), 0);
	assert_int_equal(compound_order(page), 3);
	kfree(object);
	__free_pages(page, 3);
	__free_pages(compound, 3);
	mock_stop();
}

/* ---- bulk ---- */

#define BULK 300u

static void bulk_fills_the_empty_slots(void **state)
{
	struct page *pages[BULK] = {NULL};

	(void)state;
	mock_start(NULL);
	struct page *mine = alloc_page(GFP_KERNEL);
	pages[17] = mine;
	assert_int_equal(alloc_pages_bulk(GFP_KERNEL, BULK, pages), BULK);
	assert_ptr_equal(pages[17], mine);
	for (unsigned i = 0; i < BULK; i++) {
		assert_non_null(pages[i]);
		assert_int_equal(page_ref_count(pages[i]), 1);
		memset(page_address(pages[i]), (int)i, PAGE_SIZE);
	}
	for (unsigned i = 0; i < BULK; i++)
		assert_int_equal(*(unsigned char *)page_address(pages[i]), i & 0xff);
	/* Full already: nothing to do. */
	unsigned long free = nr_free_pages();
	assert_int_equal(alloc_pages_bulk(GFP_KERNEL, BULK, pages), BULK);
	assert_int_equal(nr_free_pages(), free);
	assert_int_equal(mm_check(), 0);
	free_pages_bulk(BULK, pages);
	pages[3] = NULL;
	free_pages_bulk(0, pages);
	mock_stop();
}

/* Failure at every page: the leading slots are filled, and their number is told (H53). */
static void h053_bulk_tells_how_far_it_came(void **state)
{
	(void)state;
	mock_start(&(struct mock_config){.extra = {.no_parking = true}});
	for (unsigned long n = 1; n <= 20; n++) {
		struct page *pages[20] = {NULL};
		mock_fail_site(FAULT_PAGE_BULK, n, true);
		unsigned long got = alloc_pages_bulk(GFP_KERNEL, 20, pages);
		mock_fail_site(FAULT_PAGE_BULK, 0, false);
		assert_int_equal(got, n - 1);
		for (unsigned i = 0; i < 20; i++)
			assert_int_equal(pages[i] != NULL, i < got);
		free_pages_bulk(20, pages);
	}
	mock_stop();
}

static void bulk_ends_where_memory_ends(void **state)
{
	static struct page *pages[70000];

	(void)state;
	memset(pages, 0, sizeof(pages));
	start_reference_zone(false);
	unsigned long free = nr_free_pages();
	unsigned long got = alloc_pages_bulk(GFP_NOWAIT, 70000, pages);
	assert_int_equal(got, free - 512);
	assert_int_equal(nr_free_pages(), 512);
	free_pages_bulk(got, pages);
	mock_stop();
}

/* Words of former owners are not left in the parts. */
static void h078_parts_of_a_block_are_clean(void **state)
{
	(void)state;
	mock_start(&(struct mock_config){.extra = {.no_parking = true}});
	struct page *page = alloc_pages(GFP_KERNEL, 4);

	split_page(page, 4);
	for (unsigned i = 0; i < 16; i++) {
		page[i].mapping = &page[i];
		page[i].flags |= 0xcdu << QUARRY_PG_OWNER_SHIFT;
		set_page_private(&page[i], 77);
		__free_page(&page[i]);
	}
	page = alloc_pages(GFP_KERNEL, 4);
	page->flags |= 0xcdu << QUARRY_PG_OWNER_SHIFT;
	split_page(page, 4);
	for (unsigned i = 1; i < 16; i++) {
		assert_null(page[i].mapping);
		assert_int_equal(page_private(&page[i]), 0);
		assert_int_equal(page[i].flags >> QUARRY_PG_OWNER_SHIFT, 0);
	}
	for (unsigned i = 0; i < 16; i++)
		__free_page(&page[i]);
	mock_stop();
}

static unsigned cpu_is_node(unsigned cpu)
{
	return cpu;
}
/* On a CPU whose node has no memory, __GFP_THISNODE gets none of others', in bulk neither. */
static void g013_thisnode_in_bulk(void **state)
{
	static const struct quarry_mem_range map[] = {
		{4 * MOCK_GIB, 32 * MOCK_MIB, QUARRY_MEM_USABLE, 0},
		{4 * MOCK_GIB + 32 * MOCK_MIB, 32 * MOCK_MIB, QUARRY_MEM_LATER, 1},
	};
	struct page *page[8] = {NULL};

	(void)state;
	mock_start(
		&(struct mock_config){.map = map, .nr_map = 2, .cpus = 2, .cpu_node = cpu_is_node});
	mock_set_cpu(1);
	__free_page(alloc_page(GFP_KERNEL));
	assert_int_equal(alloc_pages_bulk(GFP_NOWAIT | __GFP_THISNODE | __GFP_NOWARN, 8, page), 0);
	mock_expect_report(QUARRY_RULE_BAD_ARGUMENT, 1);
	assert_null(alloc_pages_node(1000, GFP_KERNEL | __GFP_THISNODE, 0));
	mock_set_cpu(0);
	mock_stop();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		page_test(g124_exact_sizes_take_what_they_need),
		page_test(h018_every_size_is_balanced),
		page_test(exact_sizes_that_do_not_exist),
		page_test(exact_pages_are_single_pages),
		page_test(splitting_makes_single_pages),
		page_test(splitting_refuses_what_is_no_such_block),
		page_test(h078_parts_of_a_block_are_clean),
		page_test(g013_thisnode_in_bulk),
		page_test(bulk_fills_the_empty_slots),
		page_test(h053_bulk_tells_how_far_it_came),
		page_test(bulk_ends_where_memory_ends),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
