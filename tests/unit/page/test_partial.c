/* SPDX-License-Identifier: MIT */
/*
 * test_partial.c: freeing part of a block; claiming given memory and giving it back.
 */
#include "tests/unit/phys/page_test.h"

/* Every part of small blocks, and odd parts of large ones: exactly it becomes free, the rest keeps
 * its contents. */
static void free_part(struct page *block, unsigned order, unsigned long first, unsigned long nr)
{
	unsigned long pages = 1ul << order, before = mock_free_pages();

	for (unsigned long i = 0; i < pages; i++)
		*(unsigned long *)page_address(block + i) = i;
	free_pages_partial(block, order, first, nr);
	assert_int_equal(mock_free_pages(), before + nr);
	assert_int_equal(mm_check(), 0);
	for (unsigned long i = 0; i < pages; i++) {
		if (i >= first && i < first + nr)
			continue;
		assert_int_equal(*(unsigned long *)page_address(block + i), i);
		assert_int_equal(page_ref_count(block + i), 1);
		__free_page(block + i);
	}
	assert_int_equal(mock_free_pages(), before + pages);
}

static void every_part(void **state)
{
	(void)state;
	mock_start(NULL);
	for (unsigned order = 0; order <= 4; order++)
		for (unsigned long first = 0; first <= 1ul << order; first++)
			for (unsigned long nr = 0; nr <= (1ul << order) - first; nr++)
				free_part(alloc_pages(GFP_KERNEL, order), order, first, nr);
	for (unsigned order = 9; order <= MAX_PAGE_ORDER; order++) {
		unsigned long pages = 1ul << order;
		free_part(alloc_pages(GFP_KERNEL, order), order, 0, pages);
		free_part(alloc_pages(GFP_KERNEL, order), order, 1, pages - 2);
		free_part(alloc_pages(GFP_KERNEL, order), order, pages / 2 - 1, 2);
		free_part(alloc_pages(GFP_KERNEL, order), order, pages - 1, 1);
	}
	mock_stop();
}

/* Wrong order, compound, tail, shared, free, outside: reported, nothing is freed. */
static void bad_parts(void **state)
{
	(void)state;
	mock_start(NULL);
	struct page *plain = alloc_pages(GFP_KERNEL, 3);
	struct page *compound = alloc_pages(GFP_KERNEL | __GFP_COMP, 3);
	unsigned long before = mock_free_pages();

	mock_expect_report(QUARRY_RULE_FREE_ORDER, 6);
	free_pages_partial(plain, 2, 0, 1);
	free_pages_partial(plain, 4, 0, 1);
	free_pages_partial(plain, ~0u, 0, 1);
	free_pages_partial(plain + 1, 0, 0, 1);
	free_pages_partial(compound, 3, 0, 1);
	free_pages_partial(pfn_to_page(1), 0, 0, 1);
	mock_expect_report(QUARRY_RULE_BAD_ARGUMENT, 4);
	free_pages_partial(plain, 3, 0, 9);
	free_pages_partial(plain, 3, 9, 0);
	free_pages_partial(plain, 3, 8, 1);
	free_pages_partial(plain, 3, 2, ~0ul);
	get_page(plain);
	mock_expect_report(QUARRY_RULE_REF_COUNT, 1);
	free_pages_partial(plain, 3, 0, 8);
	put_page(plain);
	assert_int_equal(mock_free_pages(), before);
	__free_pages(plain, 3);
	put_page(compound);
	mock_expect_report(QUARRY_RULE_FREE_ORDER, 1);
	free_pages_partial(plain, 3, 0, 8);
	mock_stop();
}

/* ---- claims ---- */

static void claim_all(phys_addr_t base, uint64_t size)
{
	unsigned long before = mock_free_pages();
	unsigned long pages = (unsigned long)(PFN_UP(base + size) - PFN_DOWN(base));

	assert_int_equal(quarry_claim(base, size), 0);
	assert_int_equal(mock_free_pages(), before - pages);
	assert_int_equal(mm_check(), 0);
	memset(phys_to_virt(base), 0x5a, size);
	quarry_release(base, size);
	assert_int_equal(mock_free_pages(), before);
	assert_int_equal(mm_check(), 0);
}

/* Untouched memory, memory with pages parked, bytes that are no whole page, across zones. */
static void claims(void **state)
{
	(void)state;
	mock_start(&four_zones);
	const phys_addr_t high = 4 * MOCK_GIB;
	claim_all(high + 40 * MOCK_MIB, 20 * MOCK_MIB);
	claim_all(high + 40 * MOCK_MIB + 5, 1);
	claim_all(high + 40 * MOCK_MIB + PAGE_SIZE - 1, 2);
	claim_all(15 * MOCK_MIB, 2 * MOCK_MIB + PAGE_SIZE); /* DMA and DMA32 */
	mock_stop();

	/* DMA32 and NORMAL, which touch; also from the middle of one extent to that of another. */
	struct quarry_mem_range map = {high - 32 * MOCK_MIB, 96 * MOCK_MIB, QUARRY_MEM_USABLE, 0};
	mock_start(&(struct mock_config){.map = &map, .nr_map = 1});
	claim_all(high - PAGE_SIZE, 2 * PAGE_SIZE);
	claim_all(high - 12 * MOCK_MIB, 30 * MOCK_MIB + PAGE_SIZE);
	mock_stop();
}

/* Given back in parts, in any order; the frames in between stay claimed. */
static void release_in_parts(void **state)
{
	const phys_addr_t base = 40 * MOCK_MIB;
	(void)state;
	mock_start(NULL);
	assert_int_equal(quarry_claim(base, MOCK_MIB), 0);
	assert_int_equal(quarry_claim(base + MOCK_MIB / 2, PAGE_SIZE), -QUARRY_EBUSY);
	quarry_release(base, MOCK_MIB / 2);
	assert_int_equal(quarry_claim(base, MOCK_MIB), -QUARRY_EBUSY);
	assert_int_equal(quarry_claim(base + MOCK_MIB / 4, MOCK_MIB / 4), 0);
	quarry_release(base + MOCK_MIB / 4, 3 * MOCK_MIB / 4);
	mock_stop();
}

/* A claim that fails in its second zone leaves the first as it was. */
static void claim_is_all_or_nothing(void **state)
{
	(void)state;
	mock_start(&four_zones);
	struct page *page = NULL;
	unsigned long pfn = 16 * MOCK_MIB >> PAGE_SHIFT;
	assert_int_equal(alloc_contig_range(pfn, pfn + 1, MIGRATE_MOVABLE, GFP_KERNEL), 0);
	page = pfn_to_page(pfn);
	unsigned long before = mock_free_pages();
	assert_int_equal(quarry_claim(12 * MOCK_MIB, 8 * MOCK_MIB), -QUARRY_EBUSY);
	assert_int_equal(mock_free_pages(), before);
	assert_int_equal(mm_check(), 0);
	__free_page(page);
	mock_expect_report(QUARRY_RULE_BAD_ARGUMENT, 1); /* the hole behind the first range */
	assert_int_equal(quarry_claim(12 * MOCK_MIB, 24 * MOCK_MIB), -QUARRY_EINVAL);
	assert_int_equal(mock_free_pages(), before + 1);
	assert_int_equal(mm_check(), 0);
	mock_stop();
}

static void claim_in_irq(void *arg)
{
	*(int *)arg = quarry_claim(40 * MOCK_MIB, PAGE_SIZE);
}

/* Empty and wrapping ranges, addresses that are no memory, a context that may not wait, releases of
 * what is not claimed. */
static void bad_claims(void **state)
{
	int error = 0;
	(void)state;
	mock_start(NULL);
	mock_expect_report(QUARRY_RULE_BAD_ARGUMENT, 6);
	assert_int_equal(quarry_claim(40 * MOCK_MIB, 0), -QUARRY_EINVAL);
	assert_int_equal(quarry_claim(~0ull, 2), -QUARRY_EINVAL);
	assert_int_equal(quarry_claim(0, PAGE_SIZE), -QUARRY_EINVAL);
	assert_int_equal(quarry_claim(1ull << 60, PAGE_SIZE), -QUARRY_EINVAL);
	quarry_release(40 * MOCK_MIB, 0);
	quarry_release(~0ull, 2);
	mock_expect_report(QUARRY_RULE_BAD_CONTEXT, 1);
	mock_interrupt(claim_in_irq, &error);
	assert_int_equal(error, -QUARRY_EINVAL);

	assert_int_equal(quarry_claim(40 * MOCK_MIB, 4 * PAGE_SIZE), 0);
	mock_expect_report(QUARRY_RULE_FREE_UNKNOWN, 3);
	quarry_release(40 * MOCK_MIB, 5 * PAGE_SIZE); /* the fifth is free */
	quarry_release(0, PAGE_SIZE);
	quarry_release(1ull << 60, PAGE_SIZE);
	quarry_release(40 * MOCK_MIB, 4 * PAGE_SIZE);
	mock_stop();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		page_test(every_part), page_test(bad_parts),
		page_test(claims),     page_test(release_in_parts),
		page_test(bad_claims), page_test(claim_is_all_or_nothing),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
