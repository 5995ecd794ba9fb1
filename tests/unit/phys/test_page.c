/* SPDX-License-Identifier: MIT */
/* test_page.c: from addresses to pages and back, heads and tails, references. */
#include "page_test.h"

/* ---- conversions ---- */

/* Every frame of a machine with a hole, and the frames around its ends (H79). */
static void h079_conversions_are_inverse(void **state)
{
	const struct quarry_mem_range map[] = {
		{16 * MOCK_MIB, 6 * MOCK_MIB, QUARRY_MEM_USABLE, 0},
		{24 * MOCK_MIB, 7 * MOCK_MIB + 12288, QUARRY_MEM_USABLE, 0},
	};

	(void)state;
	mock_start(&(struct mock_config){.map = map, .nr_map = 2});
	hold_all(ATOMIC_ALL, 0);
	for (unsigned long pfn = 15 * 256; pfn < 33 * 256; pfn++) {
		struct page *page = pfn_to_page(pfn);
		void *address = phys_to_virt(PFN_PHYS(pfn));
		assert_int_equal(page_to_pfn(page), pfn);
		assert_int_equal(page_to_phys(page), PFN_PHYS(pfn));
		assert_ptr_equal(page_address(page), address);
		assert_int_equal(virt_to_phys(address), PFN_PHYS(pfn));
		assert_ptr_equal(virt_to_page(address), page);
		assert_ptr_equal(virt_to_page((char *)address + PAGE_SIZE - 1), page);
		assert_int_equal(pfn_valid(pfn), virt_addr_valid(address));
	}
	unsigned long valid = 0;
	for (unsigned long pfn = 0; pfn < 64 * 256; pfn++)
		valid += pfn_valid(pfn);
	assert_int_equal(valid, totalram_pages());
	for (unsigned long i = 0; i < hold.nr; i++)
		assert_true(pfn_valid(page_to_pfn(hold.block[i].page)));
	free_held();
	void *area = vmalloc(PAGE_SIZE);
	assert_false(virt_addr_valid(area));
	assert_false(virt_addr_valid(&area));
	vfree(area);
	mock_stop();
}

static void g115_orders_of_sizes(void **state)
{
	(void)state;
	assert_int_equal(get_order(0), 0);
	for (unsigned order = 0; order < 50; order++) {
		volatile size_t size = PAGE_SIZE << order;
		assert_int_equal(get_order(size), order);
		assert_int_equal(get_order(size + 1), order + 1);
		assert_int_equal(get_order(size - 1), order);
	}
	volatile size_t most = SIZE_MAX;
	assert_int_equal(get_order(most), 52);
	for (volatile size_t pages = 1; pages <= 4096; pages++) {
		unsigned order = get_order(pages * PAGE_SIZE);
		assert_true(1ul << order >= pages);
		assert_true(order == 0 || 1ul << (order - 1) < pages);
	}
}

/* ---- heads and tails ---- */

static void heads_are_found_from_every_page(void **state)
{
	(void)state;
	mock_start(NULL);
	for (unsigned order = 0; order <= MAX_PAGE_ORDER; order++) {
		struct page *plain = alloc_pages(GFP_KERNEL, order);
		struct page *compound = alloc_pages(GFP_KERNEL | __GFP_COMP, order);
		for (unsigned long i = 0; i < 1ul << order; i++) {
			assert_ptr_equal(compound_head(&plain[i]), plain);
			assert_ptr_equal(compound_head(&compound[i]), compound);
			assert_int_equal(PageHead(&compound[i]), order && !i);
			assert_int_equal(PageTail(&compound[i]), order && i);
			assert_false(PageHead(&plain[i]));
			assert_false(PageTail(&plain[i]));
			assert_int_equal(page_zonenum(&plain[i]), page_zonenum(plain));
			assert_ptr_equal(virt_to_head_page((char *)page_address(&plain[i]) + 99),
					 plain);
		}
		assert_int_equal(compound_order(compound), order);
		assert_int_equal(page_size(compound), PAGE_SIZE << order);
		__free_pages(plain, order);
		__free_pages(compound, order);
	}
	mock_stop();
}

/* A compound block is freed through any order, for its own order counts. */
static void compound_blocks_know_their_order(void **state)
{
	(void)state;
	mock_start(&(struct mock_config){.extra = {.no_parking = true}});
	unsigned long free = nr_free_pages();
	for (unsigned order = 1; order <= MAX_PAGE_ORDER; order++) {
		struct page *page = alloc_pages(GFP_KERNEL | __GFP_COMP, order);
		assert_int_equal(nr_free_pages(), free - (1ul << order));
		put_page(&page[(1ul << order) - 1]);
		assert_int_equal(nr_free_pages(), free);
	}
	mock_stop();
}

/* ---- references ---- */

/* Every page of every order: the reference is the block's (H76). */
static void h076_references_of_tails(void **state)
{
	(void)state;
	mock_start(&(struct mock_config){.extra = {.no_parking = true}});
	unsigned long free = nr_free_pages();
	for (unsigned order = 0; order <= 6; order++) {
		for (unsigned long i = 0; i < 1ul << order; i++) {
			struct page *page = alloc_pages(GFP_KERNEL | __GFP_COMP, order);
			get_page(&page[i]);
			assert_int_equal(page_ref_count(page), 2);
			assert_int_equal(page_count(&page[i]), 2);
			__free_pages(page, order);
			assert_int_equal(page_ref_count(page), 1);
			assert_int_equal(nr_free_pages(), free - (1ul << order));
			put_page(&page[i]);
			assert_int_equal(nr_free_pages(), free);
		}
	}
	mock_stop();
}

/* Not compound, and freed while somebody else holds it: the last holder frees all of it (H75). */
static void h075_free_while_somebody_holds(void **state)
{
	(void)state;
	mock_start(&(struct mock_config){.extra = {.no_parking = true}});
	unsigned long free = nr_free_pages();
	for (unsigned order = 0; order <= MAX_PAGE_ORDER; order++) {
		for (unsigned long i = 0; i < 1ul << order; i += 1 + (1ul << order) / 5) {
			struct page *page = alloc_pages(GFP_KERNEL, order);
			get_page(&page[i]);
			__free_pages(page, order);
			assert_int_equal(nr_free_pages(), free - (1ul << order));
			assert_int_equal(mm_check(), 0);
			put_page(&page[i]);
			assert_int_equal(nr_free_pages(), free);
			/* The other way round. */
			page = alloc_pages(GFP_KERNEL, order);
			get_page(&page[i]);
			put_page(&page[i]);
			__free_pages(page, order);
			assert_int_equal(nr_free_pages(), free);
		}
	}
	mock_stop();
}

static void h077_references_do_not_wrap(void **state)
{
	(void)state;
	mock_start(NULL);
	struct page *page = alloc_page(GFP_KERNEL);
	page->refcount = INT32_MAX;
	mock_expect_report(QUARRY_RULE_REF_COUNT, 1);
	get_page(page);
	assert_int_equal(page_ref_count(page), INT32_MAX);
	page->refcount = 1;
	__free_page(page);
	/* Of a page that nobody holds. */
	mock_expect_report(QUARRY_RULE_REF_COUNT, 2);
	get_page(page);
	assert_false(put_page_testzero(page));
	assert_int_equal(page_ref_count(page), 0);
	assert_int_equal(mm_check(), 0);
	mock_stop();
}

static void the_last_reference_is_told(void **state)
{
	(void)state;
	mock_start(NULL);
	struct page *page = alloc_pages(GFP_KERNEL, 2);
	get_page(page);
	assert_false(put_page_testzero(page));
	get_page(page);
	get_page(page);
	assert_false(put_page_testzero(page));
	assert_false(put_page_testzero(page));
	__free_pages(page, 2);
	mock_stop();
}

/* Nothing of an owner's words is left for the next one (H78). */
static void h078_words_are_clean_for_the_next_owner(void **state)
{
	(void)state;
	mock_start(NULL);
	for (unsigned order = 0; order <= MAX_PAGE_ORDER; order++) {
		struct page *page = alloc_pages(GFP_KERNEL | __GFP_COMP, order);
		for (unsigned long i = 0; i < 1ul << order; i++) {
			set_page_private(&page[i], ~0ul);
			page[i].mapping = page;
			page[i].lru.next = page[i].lru.prev = UINT32_MAX;
		}
		page_set_flags(page, page_flags(page) | 0xffu << QUARRY_PG_OWNER_SHIFT);
		__free_pages(page, order);
		struct page *next = alloc_pages(GFP_KERNEL, order);
		assert_null(next->mapping);
		assert_int_equal(page_private(next), 0);
		assert_int_equal(page_flags(next) >> QUARRY_PG_OWNER_SHIFT, 0);
		assert_false(PageHead(next));
		__free_pages(next, order);
		assert_int_equal(mm_check(), 0);
	}
	mock_stop();
}

/* Only blocks of the page layer have references: everything else is reported and left alone. */
static void h077_references_of_what_is_no_block(void **state)
{
	(void)state;
	mock_start(NULL);
	struct page *page = alloc_page(GFP_KERNEL);
	void *object = kmalloc(64, GFP_KERNEL);
	struct page *const bad[] = {NULL, (struct page *)((char *)page + 8), pfn_to_page(0),
				    pfn_to_page(1ul << 40)};

	mock_expect_report(QUARRY_RULE_REF_COUNT, 5);
	mock_expect_report(QUARRY_RULE_FREE_UNKNOWN, 3);
	mock_expect_report(QUARRY_RULE_FREE_RESERVED, 1); /* frame 0 */
	for (unsigned i = 0; i < 4; i++) {
		get_page(bad[i]);
		put_page(bad[i]);
	}
	get_page(virt_to_page(object));
	mock_expect_report(QUARRY_RULE_FREE_KIND, 1);
	put_page(virt_to_page(object));
	assert_int_equal(mm_check(), 0);
	kfree(object);
	__free_page(page);
	mock_stop();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		page_test(h079_conversions_are_inverse),
		page_test(g115_orders_of_sizes),
		page_test(heads_are_found_from_every_page),
		page_test(compound_blocks_know_their_order),
		page_test(h076_references_of_tails),
		page_test(h075_free_while_somebody_holds),
		page_test(h077_references_do_not_wrap),
		page_test(h077_references_of_what_is_no_block),
		page_test(the_last_reference_is_told),
		page_test(h078_words_are_clean_for_the_next_owner),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
