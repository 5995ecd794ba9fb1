/* SPDX-License-Identifier: MIT */
/*
 * test_highmem.c: contents of pages by page, and small names that old code uses.
 */
#include "tests/unit/phys/page_test.h"

/* Byte i of the block is i mod 251, so that no two pages begin alike. */
static void fill(struct page *page, size_t bytes)
{
	unsigned char *at = page_address(page);

	for (size_t i = 0; i < bytes; i++)
		at[i] = (unsigned char)(i % 251);
}

/* Bytes [start, end) are `value`, the others as `fill` left them. */
static void assert_filled_but(const struct page *page, size_t bytes, size_t start, size_t end,
			      int value)
{
	const unsigned char *at = page_address(page);

	for (size_t i = 0; i < bytes; i++)
		assert_int_equal(at[i], i >= start && i < end ? value : (int)(i % 251));
}

static void mapping_is_the_direct_map(void **state)
{
	(void)state;
	mock_start(NULL);
	struct folio *folio = folio_alloc(GFP_KERNEL, 2);
	struct page *page = folio_page(folio, 3);

	assert_ptr_equal(kmap_local_page(page), page_address(page));
	assert_ptr_equal(kmap(page), page_address(page));
	assert_ptr_equal(kmap_atomic(page), page_address(page));
	assert_ptr_equal(kmap_local_folio(folio, 3 * PAGE_SIZE + 5),
			 (char *)page_address(page) + 5);
	kunmap_local(page_address(page));
	kunmap_atomic(page_address(page));
	kunmap(page);
	folio_put(folio);
	mock_stop();
}

static void parts_and_nothing_else(void **state)
{
	char buffer[300];

	(void)state;
	mock_start(NULL);
	struct page *page = alloc_page(GFP_KERNEL), *other = alloc_page(GFP_KERNEL);

	fill(page, PAGE_SIZE);
	memcpy_from_page(buffer, page, 1000, sizeof(buffer));
	for (size_t i = 0; i < sizeof(buffer); i++)
		assert_int_equal((unsigned char)buffer[i], (1000 + i) % 251);
	memset(buffer, 77, sizeof(buffer));
	memcpy_to_page(page, 4096 - 300, buffer, sizeof(buffer));
	assert_filled_but(page, PAGE_SIZE, 4096 - 300, 4096, 77);
	fill(page, PAGE_SIZE);
	memset_page(page, 1, 9, 10);
	assert_filled_but(page, PAGE_SIZE, 1, 11, 9);
	fill(page, PAGE_SIZE);
	memzero_page(page, 4000, 96);
	assert_filled_but(page, PAGE_SIZE, 4000, 4096, 0);
	fill(page, PAGE_SIZE);
	zero_user_segment(page, 10, 30);
	assert_filled_but(page, PAGE_SIZE, 10, 30, 0);
	fill(page, PAGE_SIZE);
	zero_user(page, 10, 30);
	assert_filled_but(page, PAGE_SIZE, 10, 40, 0);

	fill(page, PAGE_SIZE);
	memset_page(other, 0, 3, PAGE_SIZE);
	memcpy_page(page, 100, other, 2000, 50);
	assert_filled_but(page, PAGE_SIZE, 100, 150, 3);
	copy_highpage(page, other);
	assert_filled_but(page, PAGE_SIZE, 0, PAGE_SIZE, 3);
	clear_highpage(page);
	assert_filled_but(page, PAGE_SIZE, 0, PAGE_SIZE, 0);
	__free_page(page);
	__free_page(other);
	mock_stop();
}

/* Parts of a folio may cross its pages. */
static void parts_of_a_folio(void **state)
{
	char buffer[6000];

	(void)state;
	mock_start(NULL);
	struct folio *folio = folio_alloc(GFP_KERNEL, 1);

	fill(&folio->page, folio_size(folio));
	memcpy_from_folio(buffer, folio, 1500, sizeof(buffer));
	for (size_t i = 0; i < sizeof(buffer); i++)
		assert_int_equal((unsigned char)buffer[i], (1500 + i) % 251);
	memset(buffer, 5, sizeof(buffer));
	memcpy_to_folio(folio, 1500, buffer, sizeof(buffer));
	assert_filled_but(&folio->page, folio_size(folio), 1500, 7500, 5);
	fill(&folio->page, folio_size(folio));
	folio_zero_range(folio, 4095, 2);
	assert_filled_but(&folio->page, folio_size(folio), 4095, 4097, 0);
	folio_put(folio);
	mock_stop();
}

/* A page is taken for pinned from 1024 references on, seen from any page of the block. */
static void pinned_by_many_references(void **state)
{
	(void)state;
	mock_start(NULL);
	struct page *head = alloc_pages(GFP_KERNEL | __GFP_COMP, 3);

	assert_int_equal(compound_nr(head), 8);
	assert_false(page_maybe_dma_pinned(head));
	page_ref_add(head, GUP_PIN_COUNTING_BIAS - 2);
	assert_false(page_maybe_dma_pinned(nth_page(head, 7)));
	page_ref_add(head, 1);
	assert_int_equal(page_ref_count(head), GUP_PIN_COUNTING_BIAS);
	assert_true(page_maybe_dma_pinned(nth_page(head, 7)));
	page_ref_add(head, 1 - GUP_PIN_COUNTING_BIAS);
	put_page(head);
	mock_stop();
}

static void old_names_of_bulk_requests(void **state)
{
	struct page *pages[4] = {NULL};

	(void)state;
	mock_start(NULL);
	assert_int_equal(alloc_pages_bulk_array(GFP_KERNEL, 2, pages), 2);
	assert_int_equal(alloc_pages_bulk_array_node(GFP_KERNEL, 0, 4, pages), 4);
	free_pages_bulk(4, pages);
	mock_stop();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		page_test(mapping_is_the_direct_map),
		page_test(parts_and_nothing_else),
		page_test(parts_of_a_folio),
		page_test(pinned_by_many_references),
		page_test(old_names_of_bulk_requests),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
