/* SPDX-License-Identifier: MIT */
/* test_isolate.c: taking given frames of blocks that are larger than a pageblock. */
#include "page_test.h"

#define HIGH (4 * MOCK_GIB)
#define HALF (2 * MOCK_MIB)

/* A free block of two pageblocks is parked on the CPU: either half can be claimed. */
static void h006_half_of_a_parked_block(void **state)
{
	(void)state;
	for (unsigned half = 0; half < 2; half++) {
		mock_start(&(struct mock_config){
			.base = HIGH, .bytes = 1024 * MOCK_MIB, .no_vmalloc = true});
		struct page *block;

		for (unsigned i = 0; i < 2; i++) {
			block = alloc_pages(GFP_KERNEL, 10);
			assert_non_null(block);
			__free_pages(block, 10);
		}
		assert_int_equal(page_kind(block), QUARRY_PAGE_PARKED);
		phys_addr_t at = page_to_phys(block) + half * HALF;
		assert_int_equal(quarry_claim(at, HALF), 0);
		assert_int_equal(mm_check(), 0);
		quarry_release(at, HALF);
		mock_stop();
	}
}

static struct {
	struct page *block, *page;
	bool ran;
} interrupt;

static void free_and_take(void *arg)
{
	(void)arg;
	interrupt.ran = true;
	__free_pages(interrupt.block, 10);
	interrupt.page = alloc_page(GFP_ATOMIC | __GFP_NOWARN);
}

static void hold_everything(void)
{
	for (unsigned order = MAX_PAGE_ORDER + 1; order-- > 0;)
		hold_all(ATOMIC_ALL, order);
}

/* Does a block reach into the claimed half? */
static bool reaches(const struct page *page, unsigned order, const struct page *block)
{
	return page < block + 2 * pageblock_nr_pages &&
	       page + (1ul << order) > block + pageblock_nr_pages;
}

/* An interrupt, at each step of the claim, frees the block and takes a page of it: the claim fails,
 * or nothing of what it got is anybody else's. */
static void h006_freed_while_half_is_claimed(void **state)
{
	(void)state;
	unsigned had = 0;

	for (unsigned n = 1;; n++) {
		mock_start(&(struct mock_config){.base = HIGH,
						 .bytes = 16 * MOCK_MIB,
						 .no_vmalloc = true,
						 .extra = {.no_parking = true}});
		interrupt.block = alloc_pages(GFP_KERNEL, 10);
		interrupt.page = NULL;
		interrupt.ran = false;
		hold_everything(); /* the page can only come from the block */
		mock_interrupt_at(n, free_and_take, NULL);
		int error = quarry_claim(page_to_phys(interrupt.block) + HALF, HALF);
		mock_interrupt_at(0, NULL, NULL);
		assert_int_equal(mm_check(), 0);
		if (!error) {
			had++;
			assert_false(interrupt.page && reaches(interrupt.page, 0, interrupt.block));
			unsigned long before = hold.nr;
			hold_everything();
			for (unsigned long i = before; i < hold.nr; i++)
				assert_false(reaches(hold.block[i].page, hold.block[i].order,
						     interrupt.block));
			quarry_release(page_to_phys(interrupt.block) + HALF, HALF);
		}
		bool ran = interrupt.ran;
		if (!ran)
			__free_pages(interrupt.block, 10);
		__free_pages(interrupt.page, 0);
		free_held();
		mock_stop();
		if (!ran)
			break;
	}
	assert_true(had > 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		page_test(h006_half_of_a_parked_block),
		page_test(h006_freed_while_half_is_claimed),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
