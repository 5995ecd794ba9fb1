/* SPDX-License-Identifier: MIT */
/*
 * test_folio.c: folios are heads of compound blocks and nothing more.
 */
#include "tests/unit/phys/page_test.h"

/* Every order: size, every page finds the folio, nothing of it is stored twice. */
static void every_order(void **state)
{
	(void)state;
	mock_start(NULL);
	for (unsigned order = 0; order <= MAX_PAGE_ORDER; order++) {
		struct folio *folio = folio_alloc(GFP_KERNEL | __GFP_ZERO, order);
		assert_non_null(folio);
		assert_int_equal(folio_order(folio), order);
		assert_int_equal(folio_nr_pages(folio), 1ul << order);
		assert_int_equal(folio_size(folio), PAGE_SIZE << order);
		assert_int_equal(folio_test_large(folio), order != 0);
		assert_int_equal(folio_nid(folio), 0);
		assert_int_equal(folio_ref_count(folio), 1);
		assert_ptr_equal(folio_address(folio), page_address(folio_page(folio, 0)));
		for (unsigned long i = 0; i < folio_nr_pages(folio); i++) {
			struct page *page = folio_page(folio, i);
			assert_ptr_equal(page_folio(page), folio);
			assert_int_equal(page_to_pfn(page), folio_pfn(folio) + i);
			assert_ptr_equal(virt_to_folio(page_address(page)), folio);
			assert_int_equal(PageTail(page), i != 0);
			assert_int_equal(*(unsigned long *)page_address(page), 0);
		}
		memset(folio_address(folio), 1, folio_size(folio));
		folio_put(folio);
	}
	mock_stop();
}

/* The last put frees, whoever drops it and through whichever page. */
static void references(void **state)
{
	(void)state;
	mock_start(NULL);
	unsigned long before = mock_free_pages();
	struct folio *folio = folio_alloc_node(GFP_KERNEL, 3, 0);

	folio_get(folio);
	get_page(folio_page(folio, 5));
	assert_int_equal(folio_ref_count(folio), 3);
	folio_put(folio);
	put_page(folio_page(folio, 7));
	assert_int_equal(folio_ref_count(folio), 1);
	assert_int_equal(mock_free_pages(), before - 8);
	assert_true(folio_put_testzero(folio));
	folio->page.refcount = 1;
	folio_put(folio);
	assert_int_equal(mock_free_pages(), before);
	mock_stop();
}

/* Too large, put once too often: reported, nothing lost. */
static void bad_calls(void **state)
{
	(void)state;
	mock_start(NULL);
	mock_expect_report(QUARRY_RULE_BAD_ORDER, 1);
	assert_null(folio_alloc(GFP_KERNEL, MAX_PAGE_ORDER + 1));
	struct folio *folio = folio_alloc(GFP_KERNEL, 2);
	folio_put(folio);
	mock_expect_report(QUARRY_RULE_FREE_TWICE, 1);
	folio_put(folio);
	mock_expect_report(QUARRY_RULE_REF_COUNT, 1);
	folio_get(folio);
	mock_stop();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		page_test(every_order),
		page_test(references),
		page_test(bad_calls),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
