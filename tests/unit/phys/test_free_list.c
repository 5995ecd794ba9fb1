/* SPDX-License-Identifier: MIT */
/* test_free_list.c: links of free blocks that their last owner overwrites. */
#include "page_test.h"

#define HIGH (4 * MOCK_GIB)

/* What the last owner of a freed page writes to its links: a page in use, a frame nowhere, the end
 * of the list, itself. */
static uint32_t wrong_link(unsigned kind, const struct page *in_use, const struct page *self)
{
	switch (kind) {
	case 0:
		return (uint32_t)page_to_pfn(in_use);
	case 1:
		return 0xfffffff0u;
	case 2:
		return 0;
	default:
		return (uint32_t)page_to_pfn(self);
	}
}

/* It is reported, no page in use is handed out, none is lost. */
static void h017_links_written_after_the_free(void **state)
{
	(void)state;
	for (unsigned kind = 0; kind < 8; kind++) {
		mock_start(&(struct mock_config){
			.base = HIGH, .no_vmalloc = true, .extra = {.no_parking = true}});
		unsigned long free = nr_free_pages();
		struct page *page[64];

		for (unsigned i = 0; i < 64; i++)
			page[i] = alloc_page(GFP_KERNEL);
		for (unsigned i = 10; i <= 30; i += 10)
			__free_page(page[i]); /* their buddies are in use */
		uint32_t link = wrong_link(kind / 2, page[0], page[20]);
		if (kind % 2)
			page[20]->lru.next = link;
		else
			page[20]->lru.prev = link;
		mock_expect_report(QUARRY_RULE_PAGE_LIST, 1);
		hold_all(ATOMIC_ALL, 0);
		assert_int_equal(hold.nr, free - 61);
		assert_int_equal(mm_check(), 0);
		for (unsigned long i = 0; i < hold.nr; i++)
			assert_int_equal(page_ref_count(hold.block[i].page), 1);
		free_held();
		for (unsigned i = 0; i < 64; i++)
			if (i != 10 && i != 20 && i != 30)
				__free_page(page[i]);
		assert_int_equal(nr_free_pages(), free);
		mock_stop();
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		page_test(h017_links_written_after_the_free),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
