/* SPDX-License-Identifier: MIT */
/*
 * test_page_list.c: lists of pages in their owner's hands, filled and freed as a whole.
 */
#include "mm/base/fault.h"
#include "tests/unit/phys/page_test.h"

/* The list holds exactly these pages, in this order, and both directions agree. */
static void assert_list(const struct quarry_page_list *list, struct page *const *pages,
			unsigned long nr)
{
	unsigned long i = 0;

	assert_int_equal(list->nr, nr);
	assert_int_equal(quarry_page_list_empty(list), nr == 0);
	quarry_page_list_for_each(page, list)
	{
		assert_true(i < nr);
		assert_ptr_equal(page, pages[i]);
		assert_ptr_equal(quarry_page_list_prev(page), i ? pages[i - 1] : NULL);
		i++;
	}
	assert_int_equal(i, nr);
	assert_ptr_equal(quarry_page_list_first(list), nr ? pages[0] : NULL);
	assert_ptr_equal(quarry_page_list_last(list), nr ? pages[nr - 1] : NULL);
}

/* Every operation on 0 to 3 pages, at every place. */
static void operations(void **state)
{
	(void)state;
	mock_start(NULL);
	struct page *p[4];
	for (unsigned i = 0; i < 4; i++)
		assert_non_null(p[i] = alloc_pages(GFP_KERNEL, i));

	QUARRY_PAGE_LIST(list);
	assert_list(&list, NULL, 0);
	assert_null(quarry_page_list_pop(&list));
	quarry_page_list_add_tail(&list, p[1]);
	assert_list(&list, &p[1], 1);
	quarry_page_list_add(&list, p[0]);
	quarry_page_list_add_tail(&list, p[2]);
	assert_list(&list, p, 3);
	for (unsigned i = 0; i < 3; i++) { /* take out each, put it back where it was */
		struct page *rest[2] = {p[i == 0], p[i == 2 ? 1 : 2]};
		quarry_page_list_del(&list, p[i]);
		assert_list(&list, rest, 2);
		while (quarry_page_list_pop(&list))
			;
		assert_list(&list, NULL, 0);
		for (unsigned j = 3; j-- > 0;)
			quarry_page_list_add(&list, p[j]);
		assert_list(&list, p, 3);
	}
	assert_ptr_equal(quarry_page_list_pop(&list), p[0]);
	assert_list(&list, p + 1, 2);

	/* Splicing: into a filled list, from an empty one, into an empty one. */
	QUARRY_PAGE_LIST(front);
	quarry_page_list_splice(&list, &front);
	assert_list(&list, p + 1, 2);
	quarry_page_list_add(&front, p[0]);
	quarry_page_list_splice(&list, &front);
	assert_list(&front, NULL, 0);
	assert_list(&list, p, 3);
	quarry_page_list_splice(&front, &list);
	assert_list(&list, NULL, 0);
	assert_list(&front, p, 3);

	/* The body of the safe walk may free; the other words of struct page are the owner's still.
	 * */
	quarry_page_list_add_tail(&front, p[3]);
	p[3]->mapping = &front;
	set_page_private(p[3], 42);
	unsigned order = 0;
	quarry_page_list_for_each_safe(page, next, &front)
	{
		assert_ptr_equal(page, p[order]);
		quarry_page_list_del(&front, page);
		__free_pages(page, order++);
	}
	assert_int_equal(order, 4);
	assert_true(quarry_page_list_empty(&front));
	mock_stop();
}

/* The stock and the zones together give what is asked for, at the end of what the list had. */
static void bulk_fills_a_list(void **state)
{
	(void)state;
	mock_start(NULL);
	unsigned long before = mock_free_pages();
	struct page *first = alloc_page(GFP_KERNEL);
	QUARRY_PAGE_LIST(list);

	quarry_page_list_add(&list, first);
	assert_int_equal(alloc_pages_bulk_list(GFP_KERNEL, 0, &list), 0);
	assert_int_equal(alloc_pages_bulk_list(GFP_KERNEL | __GFP_ZERO, 1000, &list), 1000);
	assert_int_equal(list.nr, 1001);
	assert_ptr_equal(quarry_page_list_first(&list), first);
	quarry_page_list_for_each(page, &list)
	{
		assert_int_equal(page_ref_count(page), 1);
		if (page != first)
			assert_int_equal(*(unsigned long *)page_address(page), 0);
		*(unsigned long *)page_address(page) = 1;
	}
	assert_int_equal(nr_free_pages() + nr_parked_pages(), before - 1001);
	assert_int_equal(free_page_list(&list), 1001);
	assert_true(quarry_page_list_empty(&list));
	assert_int_equal(free_page_list(&list), 0);
	assert_int_equal(mock_free_pages(), before);
	mock_stop();
}

/* It says how far it got, and what it got is usable; the same for each injected failure. */
static void bulk_may_stop_early(void **state)
{
	(void)state;
	mock_start(&(struct mock_config){.bytes = 4 * MOCK_MIB});
	unsigned long before = mock_free_pages();
	QUARRY_PAGE_LIST(list);

	mock_expect_report(QUARRY_RULE_NO_MEMORY, 1);
	unsigned long got = alloc_pages_bulk_list(GFP_KERNEL, before + 1, &list);
	assert_true(got > before / 2 && got < before);
	assert_int_equal(list.nr, got);
	assert_int_equal(free_page_list(&list), got);
	for (unsigned n = 1; n < 8; n++) {
		mock_fail_site(FAULT_PAGE_BULK, n, false);
		assert_int_equal(alloc_pages_bulk_list(GFP_KERNEL, 100, &list) < 100,
				 list.nr < 100);
		mock_fail_site(-1, 0, false);
		free_page_list(&list);
	}
	mock_stop();
}

/* Compound blocks are freed whole, shared ones lose a reference. */
static void free_list_takes_blocks(void **state)
{
	(void)state;
	mock_start(NULL);
	struct page *block = alloc_pages(GFP_KERNEL | __GFP_COMP, 4);
	struct page *shared = alloc_page(GFP_KERNEL);
	QUARRY_PAGE_LIST(list);

	get_page(shared);
	quarry_page_list_add_tail(&list, block);
	quarry_page_list_add_tail(&list, shared);
	assert_int_equal(free_page_list(&list), 2);
	assert_int_equal(page_ref_count(shared), 1);
	put_page(shared);
	mock_stop();
}

/* Pages that are not held: the free lists are not walked, what is behind them is not lost. */
static void bad_lists_are_reported(void **state)
{
	(void)state;
	/* freed pages are parked: they merge with nothing, so the report is known */
	mock_start(NULL);
	struct page *p[5], *first = alloc_page(GFP_KERNEL); /* the CPU has some parked */
	QUARRY_PAGE_LIST(list);

	for (unsigned bad = 0; bad < 5; bad++) {
		for (unsigned i = 0; i < 5; i++) {
			p[i] = alloc_page(GFP_KERNEL);
			quarry_page_list_add_tail(&list, p[i]);
		}
		struct quarry_page_list copy = list;
		__free_page(p[bad]); /* while listed */
		mock_expect_report(QUARRY_RULE_FREE_TWICE, 1);
		assert_int_equal(free_page_list(&list), 5);
		assert_int_equal(mm_check(), 0);
		mock_expect_report(QUARRY_RULE_FREE_TWICE, 2); /* the whole list twice: both ends */
		assert_int_equal(free_page_list(&copy), 2);
		assert_int_equal(mm_check(), 0);
	}

	/* A page that was freed while listed and has another owner now keeps that one's words. */
	for (unsigned i = 0; i < 5; i++) {
		p[i] = alloc_page(GFP_KERNEL);
		quarry_page_list_add_tail(&list, p[i]);
	}
	p[2]->lru.next = p[2]->lru.prev = 77;
	mock_expect_report(QUARRY_RULE_PAGE_LIST, 1);
	assert_int_equal(free_page_list(&list), 5);
	assert_int_equal(page_ref_count(p[2]), 1);
	assert_int_equal(p[2]->lru.next, 77);
	__free_page(p[2]);

	/* A block that is not compound: its order is not known here. */
	p[0] = alloc_pages(GFP_KERNEL, 2);
	p[1] = alloc_page(GFP_KERNEL);
	quarry_page_list_add_tail(&list, p[0]);
	quarry_page_list_add_tail(&list, p[1]);
	mock_expect_report(QUARRY_RULE_FREE_ORDER, 1);
	assert_int_equal(free_page_list(&list), 2);
	__free_pages(p[0], 2);

	/* Frames that were never handed out, or are no memory. */
	mock_expect_report(QUARRY_RULE_FREE_UNKNOWN, 1);
	list = (struct quarry_page_list){1 << 30, 1 << 30, 1};
	free_page_list(&list);
	__free_page(first);
	mock_stop();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		page_test(operations),
		page_test(bulk_fills_a_list),
		page_test(bulk_may_stop_early),
		page_test(free_list_takes_blocks),
		page_test(bad_lists_are_reported),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
