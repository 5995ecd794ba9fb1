/* SPDX-License-Identifier: MIT */
/*
 * test_unmapped.c: free frames that are not mapped. Every access of the library to the contents of
 * free memory would fail these tests; that the mock sees one is a test of its own.
 */
#include "tests/unit/phys/page_test.h"

static void start(unsigned cpus)
{
	mock_start(&(struct mock_config){
		.base = 4 * MOCK_GIB, .bytes = 24 * MOCK_MIB, .cpus = cpus, .unmap_free = true });
}

__attribute__((no_sanitize_address)) static void touch(void *at)
{
	*(volatile char *)at = 1;
}

static void accesses_are_seen(void **state)
{
	(void)state;
	start(1);
	unsigned char *page = page_address(alloc_page(GFP_KERNEL));
	assert_null(mock_failure_of(touch, page));
	free_page((unsigned long)page);
	assert_non_null(strstr(mock_failure_of(touch, page), "free and unmapped"));
	mock_stop();
}

/* All page families, at random, each block written from end to end. */
static void pages(void **state)
{
	uint64_t random = 11;
	(void)state;
	start(2);
	for (unsigned step = 0; step < 3000; step++) {
		unsigned order = (unsigned)(mock_random(&random) % (step % 9 ? 4 : NR_PAGE_ORDERS));
		if (step % 500 == 0)
			mock_set_cpu(step / 500 % 2);
		if (hold.nr && (hold.nr > 100 || mock_random(&random) % 2)) {
			unsigned long i = mock_random(&random) % hold.nr;
			struct held held = hold.block[i];
			hold.block[i] = hold.block[--hold.nr];
			if (step % 7 == 0 && held.order)
				get_page(held.page), put_page(held.page);
			if (step % 5)
				__free_pages(held.page, held.order);
			else
				free_pages_nolock(held.page, held.order);
			continue;
		}
		gfp_t gfp = GFP_ATOMIC | __GFP_NOWARN;
		if (step % 3 == 0)
			gfp |= __GFP_ZERO;
		if (step % 4 == 0)
			gfp = (gfp & ~GFP_ATOMIC) | GFP_HIGHUSER_MOVABLE;
		struct page *page = step % 11 ? alloc_pages(gfp, order)
					      : alloc_pages_nolock(NUMA_NO_NODE, order);
		if (!page)
			continue;
		memset(page_address(page), 1, PAGE_SIZE << order);
		hold_block(page, order);
	}
	mock_set_cpu(0);
	free_held();

	void *exact = alloc_pages_exact(5 * PAGE_SIZE, GFP_KERNEL);
	memset(exact, 1, 5 * PAGE_SIZE);
	free_pages_exact(exact, 5 * PAGE_SIZE);
	QUARRY_PAGE_LIST(list);
	assert_int_equal(alloc_pages_bulk_list(GFP_KERNEL | __GFP_ZERO, 100, &list), 100);
	free_page_list(&list);
	free_pages_partial(alloc_pages(GFP_KERNEL, 4), 4, 0, 16);
	struct page_frag_cache cache = { 0 };
	page_frag_free(page_frag_alloc(&cache, 100, GFP_KERNEL | __GFP_ZERO));
	page_frag_cache_drain(&cache);
	mock_stop();
}

/* Given frames, memory that goes and comes, and a CPU that goes. */
static void ranges(void **state)
{
	const phys_addr_t base = 4 * MOCK_GIB + 5 * MOCK_MIB + 3 * PAGE_SIZE;
	(void)state;
	start(2);
	for (unsigned i = 0; i < 3; i++) {
		assert_int_equal(quarry_claim(base, 3 * MOCK_MIB), 0);
		memset(phys_to_virt(base), 1, 3 * MOCK_MIB);
		quarry_release(base, 3 * MOCK_MIB);
		struct page *run = alloc_contig_pages(700, GFP_KERNEL | __GFP_ZERO, NUMA_NO_NODE);
		memset(page_address(run), 1, 700 * PAGE_SIZE);
		free_contig_range(page_to_pfn(run), 700);
		assert_int_equal(quarry_remove_memory(base, 3 * MOCK_MIB), 0);
		memset(phys_to_virt(base), 1, 3 * MOCK_MIB);
		assert_int_equal(quarry_add_memory(base, 3 * MOCK_MIB), 0);
		assert_int_equal(quarry_cpu_offline(1), 0);
		mock_cpu_stop(1);
		drain_all_pages();
		mock_cpu_start(1);
		mock_set_cpu(1);
		assert_int_equal(quarry_cpu_online(), 0);
		mock_set_cpu(0);
	}
	mock_stop();
}

static void ignore_text(void *ctx, const char *text)
{
	(void)ctx;
	(void)text;
}

/* What is built on pages: objects, virtual ranges, exhaustion, the reports and the self-test. */
static void layers_above(void **state)
{
	static void *object[4000];
	(void)state;
	start(1);
	for (unsigned round = 0; round < 2; round++) {
		for (unsigned i = 0; i < 4000; i++) {
			size_t size = 1 + i * 7u % (i % 100 ? 3000 : 40000);
			object[i] = i % 50 ? kmalloc(size, GFP_KERNEL) : kvmalloc(size, GFP_KERNEL);
			assert_non_null(object[i]);
			memset(object[i], 1, size);
		}
		for (unsigned i = 0; i < 4000; i++)
			kvfree(object[i * 7 % 4000]);
	}
	for (unsigned i = 1; i < 20; i++) {
		void *area = vzalloc(i * PAGE_SIZE);
		assert_non_null(area);
		vfree(area);
	}
	hold_all(ATOMIC_ALL, 0);
	free_held();
	quarry_report_buddyinfo(ignore_text, NULL);
	quarry_report_slabinfo(ignore_text, NULL);
	assert_true(quarry_selftest(ignore_text, NULL));
	mock_stop();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		page_test(accesses_are_seen),
		page_test(pages),
		page_test(ranges),
		page_test(layers_above),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
