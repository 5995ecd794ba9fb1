/* SPDX-License-Identifier: MIT */
/*
 * test_contig.c: taking given frames and contiguous runs.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "mm/phys/pageblock.h"
#include "tests/mock/mock.h"

#define BASE (256 * MOCK_MIB)
#define FRAME(n) ((unsigned long)(BASE >> PAGE_SHIFT) + (n))

static void start(unsigned cpus)
{
	mock_start(&(struct mock_config){.base = BASE, .bytes = 64 * MOCK_MIB, .cpus = cpus});
}

static void take(unsigned long first, unsigned long end)
{
	assert_int_equal(alloc_contig_range(FRAME(first), FRAME(end), MIGRATE_MOVABLE, GFP_KERNEL),
			 0);
	for (unsigned long at = first; at < end; at++) {
		struct page *page = pfn_to_page(FRAME(at));
		assert_int_equal(page_ref_count(page), 1);
		*(unsigned long *)page_address(page) = at;
	}
	assert_int_equal(mm_check(), 0);
}

/* Every alignment of both ends around pageblock and maximum-order borders: exactly these frames,
 * the rest stays free. */
static void range_is_exact(void **state)
{
	static const unsigned long edges[] = {1024, 1025, 1535, 1536, 1537,
					      2047, 2048, 2049, 3000, 4096};
	(void)state;
	start(1);
	for (unsigned a = 0; a < sizeof(edges) / sizeof(edges[0]); a++) {
		for (unsigned b = a + 1; b < sizeof(edges) / sizeof(edges[0]); b++) {
			unsigned long free = mock_free_pages();
			take(edges[a], edges[b]);
			drain_all_pages();
			assert_int_equal(nr_free_pages(), free - (edges[b] - edges[a]));
			free_contig_range(FRAME(edges[a]), edges[b] - edges[a]);
			assert_int_equal(mock_free_pages(), free);
			assert_int_equal(mm_check(), 0);
		}
	}
	mock_stop();
}

/* One page in use anywhere in the range: nothing is taken, nothing is lost. */
static void busy_range_is_refused(void **state)
{
	(void)state;
	start(1);
	take(5000, 5001);
	assert_int_equal(alloc_contig_range(FRAME(4096), FRAME(6144), MIGRATE_MOVABLE, GFP_KERNEL),
			 -QUARRY_EBUSY);
	assert_int_equal(mm_check(), 0);
	take(4096, 5000);
	take(5001, 6144);
	free_contig_range(FRAME(4096), 2048);
	mock_stop();
}

/* Pages parked on every CPU come back for a range that needs them. */
static void parked_pages_are_asked_back(void **state)
{
	struct page *pages[512];
	(void)state;
	start(4);
	for (unsigned cpu = 0; cpu < 4; cpu++) {
		mock_set_cpu(cpu);
		for (unsigned i = 0; i < 512; i++)
			assert_non_null(
				pages[i] = alloc_page(
					GFP_HIGHUSER_MOVABLE)); /* away from the library's own */
		free_pages_bulk(512, pages);
	}
	mock_set_cpu(0);
	unsigned long pfn = page_to_pfn(pages[0]) & ~511ul;
	assert_true(nr_parked_pages() > 0);
	assert_int_equal(alloc_contig_range(pfn, pfn + 512, MIGRATE_MOVABLE, GFP_KERNEL), 0);
	free_contig_range(pfn, 512);
	mock_stop();
}

/* Frames outside every zone, across zones, backwards, from a context that cannot sleep, of another
 * type: refused. */
static void bad_ranges_are_reported(void **state)
{
	(void)state;
	start(1);
	mock_expect_report(QUARRY_RULE_BAD_ARGUMENT, 4);
	assert_int_equal(alloc_contig_range(1, 2, MIGRATE_MOVABLE, GFP_KERNEL), -QUARRY_EINVAL);
	assert_int_equal(alloc_contig_range(FRAME(10), FRAME(10), MIGRATE_MOVABLE, GFP_KERNEL),
			 -QUARRY_EINVAL);
	assert_int_equal(
		alloc_contig_range(FRAME(10), FRAME(1ul << 30), MIGRATE_MOVABLE, GFP_KERNEL),
		-QUARRY_EINVAL);
	assert_int_equal(alloc_contig_range(FRAME(10), FRAME(20), MIGRATE_UNMOVABLE, GFP_KERNEL),
			 -QUARRY_EINVAL);
	mock_expect_report(QUARRY_RULE_BAD_CONTEXT, 1);
	assert_int_equal(alloc_contig_range(FRAME(10), FRAME(20), MIGRATE_MOVABLE, GFP_ATOMIC),
			 -QUARRY_EINVAL);
	mock_stop();
}

/* Runs that are no power of two, zeroed; lengths that cannot be had fail with a report. */
static void runs_of_any_length(void **state)
{
	(void)state;
	start(1);
	for (unsigned long nr = 1; nr <= 4096; nr = nr * 3 + 1) {
		struct page *run = alloc_contig_pages(nr, GFP_KERNEL | __GFP_ZERO, NUMA_NO_NODE);
		assert_non_null(run);
		for (unsigned long i = 0; i < nr; i++)
			assert_int_equal(*(unsigned long *)page_address(run + i), 0);
		free_contig_range(page_to_pfn(run), nr);
	}
	take(8192, 8193); /* in the middle: no run is longer than a half */
	mock_expect_report(QUARRY_RULE_NO_MEMORY, 1); /* unless the mask says not to */
	assert_null(alloc_contig_pages(9000, GFP_KERNEL, NUMA_NO_NODE));
	assert_null(alloc_contig_pages(9000, GFP_KERNEL | __GFP_NOWARN, NUMA_NO_NODE));
	free_contig_range(FRAME(8192), 1);
	mock_expect_report(QUARRY_RULE_SIZE_LIMIT, 1);
	assert_null(alloc_contig_pages(0, GFP_KERNEL, NUMA_NO_NODE));
	mock_expect_report(QUARRY_RULE_BAD_ARGUMENT, 1);
	assert_null(alloc_contig_pages(4, GFP_KERNEL, QUARRY_MAX_NODES));
	mock_stop();
}

/* With a page in use at the start of every pageblock, each run that leaves room is found, at a
 * multiple of its length rounded down to a power of two; one that reaches over the next is not. */
static void runs_between_pageblock_starts(void **state)
{
	(void)state;
	mock_start(&(struct mock_config){.base = BASE, .no_vmalloc = true});
	unsigned long first = FRAME(0), end = FRAME(64 * MOCK_MIB / PAGE_SIZE), held = 0;
	static unsigned long at[64 * MOCK_MIB / PAGE_SIZE / 512];
	for (unsigned long pfn = first; pfn < end; pfn += 512)
		if (!alloc_contig_range(pfn, pfn + 1, MIGRATE_MOVABLE, GFP_KERNEL))
			at[held++] = pfn;
	assert_true(held > 28); /* the library's own pages are in the others */
	for (unsigned long nr = 1; nr <= 300; nr = nr < 4 ? nr + 1 : nr * 3 / 2) {
		unsigned long align = nr;
		while (align & (align - 1))
			align &= align - 1;
		bool fits = align + nr <= 512;
		mock_expect_report(QUARRY_RULE_NO_MEMORY, !fits);
		struct page *run = alloc_contig_pages(nr, GFP_KERNEL, NUMA_NO_NODE);
		assert_int_equal(run != NULL, fits);
		assert_int_equal(mm_check(), 0);
		if (!run)
			continue;
		assert_int_equal(page_to_pfn(run) % align, 0);
		free_contig_range(page_to_pfn(run), nr);
	}
	while (held)
		free_contig_range(at[--held], 1);
	mock_stop();
}

/* What is pinned for long must not lie in ZONE_MOVABLE: the scope counts for runs too. */
static void g043_no_run_from_movable_in_a_pin_scope(void **state)
{
	static const struct quarry_mem_range map[] = {
		{4 * MOCK_GIB, 128 * MOCK_MIB, QUARRY_MEM_USABLE, 0},
	};

	(void)state;
	mock_start(&(struct mock_config){
		.map = map, .nr_map = 1, .extra = {.movable_bytes = 64 * MOCK_MIB}});
	for (unsigned pin = 0; pin < 2; pin++) {
		unsigned saved = pin ? memalloc_pin_save() : 0;
		struct page *run =
			alloc_contig_pages(600, GFP_HIGHUSER_MOVABLE, NUMA_NO_NODE);
		assert_non_null(run);
		assert_int_equal(page_zonenum(run), pin ? ZONE_NORMAL : ZONE_MOVABLE);
		free_contig_range(page_to_pfn(run), 600);
		memalloc_flags_restore(saved);
	}
	mock_stop();
}

/* Node 1 lies inside the span of node 0. */
static const struct quarry_mem_range interleaved[] = {
	{BASE, 32 * MOCK_MIB, QUARRY_MEM_USABLE, 0},
	{BASE + 32 * MOCK_MIB, 32 * MOCK_MIB, QUARRY_MEM_USABLE, 1},
	{BASE + 64 * MOCK_MIB, 32 * MOCK_MIB, QUARRY_MEM_USABLE, 0},
};

/* A range is its own zone's, whichever zone spans it too; one of two zones is refused whole. */
static void spans_may_overlap(void **state)
{
	struct page *page[200];

	(void)state;
	mock_start(&(struct mock_config){.map = interleaved, .nr_map = 3, .no_vmalloc = true});
	struct page *block = alloc_pages_node(1, GFP_KERNEL | __GFP_THISNODE, 10);
	__free_pages(block, 10);
	for (int node = 0; node < 2; node++) {
		struct page *run = alloc_contig_pages(1024, GFP_KERNEL | __GFP_THISNODE, node);
		assert_non_null(run);
		assert_int_equal(page_to_nid(run), node);
		assert_int_equal(mm_check(), 0);
		free_contig_range(page_to_pfn(run), 1024);
	}
	for (unsigned i = 0; i < 200; i++)
		page[i] = alloc_pages_node(1, GFP_KERNEL | __GFP_THISNODE, 0);
	unsigned long pfn = pageblock_start(page_to_pfn(page[199]));
	for (unsigned i = 0; i < 200; i++)
		__free_page(page[i]);
	assert_int_equal(alloc_contig_range(pfn, pfn + 512, MIGRATE_MOVABLE, GFP_KERNEL), 0);
	assert_int_equal(mm_check(), 0);
	free_contig_range(pfn, 512);
	mock_expect_report(QUARRY_RULE_BAD_ARGUMENT, 1);
	assert_int_equal(alloc_contig_range(FRAME(8000), FRAME(9000), MIGRATE_MOVABLE, GFP_KERNEL),
			 -QUARRY_EINVAL);
	assert_int_equal(mm_check(), 0);
	mock_stop();
}

static void g011_illegal_zones_get_no_range(void **state)
{
	const gfp_t gfp = GFP_KERNEL | __GFP_DMA | __GFP_DMA32;

	(void)state;
	start(1);
	mock_expect_report(QUARRY_RULE_BAD_GFP, 2);
	assert_null(alloc_contig_pages(4, gfp, NUMA_NO_NODE));
	assert_int_equal(alloc_contig_range(FRAME(512), FRAME(520), MIGRATE_MOVABLE, gfp),
			 -QUARRY_EINVAL);
	mock_stop();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(range_is_exact),
		cmocka_unit_test(busy_range_is_refused),
		cmocka_unit_test(parked_pages_are_asked_back),
		cmocka_unit_test(bad_ranges_are_reported),
		cmocka_unit_test(runs_of_any_length),
		cmocka_unit_test(runs_between_pageblock_starts),
		cmocka_unit_test(g043_no_run_from_movable_in_a_pin_scope),
		cmocka_unit_test(spans_may_overlap),
		cmocka_unit_test(g011_illegal_zones_get_no_range),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
