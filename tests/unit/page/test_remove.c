/* SPDX-License-Identifier: MIT */
/*
 * test_remove.c: memory taken out of use and brought back.
 */
#include "tests/unit/phys/page_test.h"

#define HIGH (4 * MOCK_GIB)

struct totals {
	unsigned long total, free, managed[NR_ZONES], present[NR_ZONES], low[NR_ZONES];
};

static struct totals totals(void)
{
	struct totals now;

	memset(&now, 0, sizeof(now));
	now.free = mock_free_pages();
	now.total = totalram_pages();
	for_every_zone (zone) {
		now.managed[zone->number] = zone->managed;
		now.present[zone->number] = zone->present;
		now.low[zone->number] = zone_populated(zone) ? zone->mark[MARK_LOW] : 0;
	}
	return now;
}

static void assert_totals(const struct totals *expected)
{
	struct totals now = totals();

	assert_memory_equal(&now, expected, sizeof(now));
	assert_int_equal(mm_check(), 0);
}

/* Whole blocks: the zone shrinks, marks follow, states go; after the return all is as it was,
 * extents included. */
static void whole_blocks(void **state)
{
	const unsigned long pages = 16 * MOCK_MIB / PAGE_SIZE;
	(void)state;
	mock_start(&four_zones);
	struct zone *zone = zone_of(ZONE_NORMAL);
	struct totals before = totals();
	struct free_map map = free_map();
	unsigned long extents = zone->extent_blocks;

	assert_int_equal(quarry_remove_memory(HIGH + 16 * MOCK_MIB, 16 * MOCK_MIB), 0);
	assert_int_equal(mm_check(), 0);
	assert_int_equal(totalram_pages(), before.total - pages);
	assert_int_equal(mock_free_pages(), before.free - pages);
	assert_int_equal(zone->managed, before.managed[zone->number] - pages);
	assert_int_equal(zone->present, before.present[zone->number] - pages);
	assert_true(zone->mark[MARK_LOW] < before.low[zone->number]);
	for (unsigned long at = 16 * MOCK_MIB; at < 32 * MOCK_MIB; at += PAGE_SIZE) {
		assert_false(pfn_valid(PFN_DOWN(HIGH + at)));
		assert_int_equal(pageblock_state(PFN_DOWN(HIGH + at)), 0);
	}
	memset(phys_to_virt(HIGH + 16 * MOCK_MIB), 0xaa, 16 * MOCK_MIB); /* the caller's */

	/* Nobody gets it. */
	hold_all(ATOMIC_ALL, 0);
	for (unsigned long i = 0; i < hold.nr; i++) {
		phys_addr_t at = page_to_phys(hold.block[i].page);
		assert_true(at < HIGH + 16 * MOCK_MIB || at >= HIGH + 32 * MOCK_MIB);
	}
	free_held();
	mock_expect_report(QUARRY_RULE_FREE_UNKNOWN, 1);
	__free_page(pfn_to_page(PFN_DOWN(HIGH + 20 * MOCK_MIB)));
	mock_expect_report(QUARRY_RULE_BAD_ARGUMENT, 1);
	assert_int_equal(quarry_remove_memory(HIGH + 16 * MOCK_MIB, PAGE_SIZE), -QUARRY_EINVAL);

	assert_int_equal(quarry_add_memory(HIGH + 16 * MOCK_MIB, 16 * MOCK_MIB), 0);
	assert_totals(&before);
	assert_free_map(&map);
	assert_true(zone->extent_blocks >= 4);
	assert_true(zone->extent_blocks <= extents);
	mock_stop();
}

/* Ends inside pages, pageblocks and largest blocks; brought back at once or in two parts. */
static void any_ends(void **state)
{
	static const unsigned long edges[] = {4096, 4097, 4608, 4611, 5119, 5120, 5121, 7000, 8192};
	const unsigned nr = sizeof(edges) / sizeof(edges[0]);
	(void)state;
	mock_start(&(struct mock_config){.base = HIGH});
	struct totals before = totals();
	for (unsigned a = 0; a < nr; a++) {
		for (unsigned b = a + 1; b < nr; b++) {
			phys_addr_t base = HIGH + edges[a] * PAGE_SIZE;
			uint64_t size = (edges[b] - edges[a]) * PAGE_SIZE;
			/* A byte less at both ends takes a page less. */
			if (edges[b] - edges[a] > 2) {
				assert_int_equal(quarry_remove_memory(base + 1, size - 2), 0);
				assert_int_equal(totalram_pages(),
						 before.total + 2 - size / PAGE_SIZE);
				assert_int_equal(mm_check(), 0);
				assert_int_equal(quarry_add_memory(base, size), 0);
				assert_totals(&before);
			}
			assert_int_equal(quarry_remove_memory(base, size), 0);
			assert_int_equal(totalram_pages(), before.total - size / PAGE_SIZE);
			assert_int_equal(mm_check(), 0);
			uint64_t half = (edges[b] - edges[a]) / 2 * PAGE_SIZE;
			if (half)
				assert_int_equal(quarry_add_memory(base, half), 0);
			assert_int_equal(mm_check(), 0);
			assert_int_equal(quarry_add_memory(base, size), 0);
			assert_totals(&before);
		}
	}
	mock_stop();
}

/* A whole zone comes and goes: requests for it are served by others, from their stocks. */
static void a_zone_goes(void **state)
{
	const struct quarry_mem_range map[] = {
		{HIGH, 192 * MOCK_MIB, QUARRY_MEM_USABLE, 0},
		{HIGH + 192 * MOCK_MIB, 64 * MOCK_MIB, QUARRY_MEM_LATER, 0},
	};
	(void)state;
	mock_start(&(struct mock_config){
		.map = map, .nr_map = 2, .cpus = 2, .extra = {.movable_bytes = 64 * MOCK_MIB}});
	struct totals before = totals();

	for (unsigned round = 0; round < 3; round++) {
		assert_false(zone_populated(zone_of(ZONE_MOVABLE)));
		assert_ptr_equal(nodes.order[0][ZONE_MOVABLE][0], zone_of(ZONE_NORMAL));
		assert_null(nodes.order[0][ZONE_MOVABLE][1]);
		for (unsigned cpu = 0; cpu < 2; cpu++) {
			mock_set_cpu(cpu);
			struct page *page = alloc_page(GFP_HIGHUSER_MOVABLE);
			assert_int_equal(page_zonenum(page), ZONE_NORMAL);
			__free_page(page);
			unsigned long locks = zone_of(ZONE_NORMAL)->lock_count;
			__free_page(alloc_page(GFP_HIGHUSER_MOVABLE));
			assert_int_equal(zone_of(ZONE_NORMAL)->lock_count, locks);
		}
		mock_set_cpu(0);
		assert_int_equal(quarry_add_memory(map[1].base, map[1].size), 0);
		struct page *page = alloc_page(GFP_HIGHUSER_MOVABLE);
		assert_int_equal(page_zonenum(page), ZONE_MOVABLE);
		assert_int_equal(quarry_remove_memory(map[1].base, map[1].size), -QUARRY_EBUSY);
		__free_page(page);
		assert_int_equal(quarry_remove_memory(map[1].base, map[1].size), 0);
		assert_totals(&before);
	}
	mock_stop();
}

/* From one zone into the next, and a range that the map had announced as later. */
static void across_zones(void **state)
{
	const struct quarry_mem_range map[] = {
		{HIGH - 32 * MOCK_MIB, 96 * MOCK_MIB, QUARRY_MEM_USABLE, 0},
		{HIGH + 64 * MOCK_MIB, 16 * MOCK_MIB, QUARRY_MEM_LATER, 1},
	};
	(void)state;
	mock_start(&(struct mock_config){.map = map, .nr_map = 2});
	struct totals before = totals();

	assert_int_equal(quarry_remove_memory(HIGH - 5 * MOCK_MIB, 9 * MOCK_MIB), 0);
	assert_int_equal(mm_check(), 0);
	assert_int_equal(quarry_add_memory(HIGH - 5 * MOCK_MIB, 9 * MOCK_MIB), 0);
	assert_totals(&before);

	assert_int_equal(quarry_add_memory(HIGH + 64 * MOCK_MIB, 16 * MOCK_MIB), 0);
	assert_int_equal(quarry_remove_memory(HIGH + 65 * MOCK_MIB, 15 * MOCK_MIB), 0);
	assert_int_equal(quarry_remove_memory(HIGH + 64 * MOCK_MIB, MOCK_MIB), 0);
	assert_totals(&before);
	mock_stop();
}

/* One page in use, wherever it is: refused, nothing changes. Parked pages are no obstacle. */
static void used_memory_stays(void **state)
{
	(void)state;
	mock_start(&(struct mock_config){.base = HIGH, .cpus = 3});
	for (unsigned cpu = 0; cpu < 3; cpu++) {
		mock_set_cpu(cpu);
		assert_int_equal(alloc_contig_range(PFN_DOWN(HIGH + cpu * MOCK_MIB + 16 * MOCK_MIB),
						    PFN_DOWN(HIGH + cpu * MOCK_MIB + 17 * MOCK_MIB),
						    MIGRATE_MOVABLE, GFP_KERNEL),
				 0);
		free_contig_range(PFN_DOWN(HIGH + cpu * MOCK_MIB + 16 * MOCK_MIB), 256);
	}
	mock_set_cpu(0);
	unsigned long pfn = PFN_DOWN(HIGH + 16 * MOCK_MIB);
	for (unsigned long at = pfn; at < pfn + 2048; at += 1023) {
		assert_int_equal(quarry_claim(PFN_PHYS(at), 1), 0);
		struct totals before = totals();
		assert_int_equal(quarry_remove_memory(PFN_PHYS(pfn), 8 * MOCK_MIB), -QUARRY_EBUSY);
		assert_totals(&before);
		quarry_release(PFN_PHYS(at), 1);
	}
	assert_int_equal(quarry_remove_memory(PFN_PHYS(pfn), 8 * MOCK_MIB), 0);
	assert_int_equal(quarry_add_memory(PFN_PHYS(pfn), 8 * MOCK_MIB), 0);
	mock_stop();
}

static void remove_in_irq(void *arg)
{
	*(int *)arg = quarry_remove_memory(HIGH + 16 * MOCK_MIB, MOCK_MIB);
}

static void bad_removals(void **state)
{
	int error = 0;
	(void)state;
	mock_start(&(struct mock_config){.base = HIGH});
	struct totals before = totals();
	mock_expect_report(QUARRY_RULE_BAD_ARGUMENT, 6);
	assert_int_equal(quarry_remove_memory(HIGH, 0), -QUARRY_EINVAL);
	assert_int_equal(quarry_remove_memory(HIGH + 1, PAGE_SIZE), -QUARRY_EINVAL);
	assert_int_equal(quarry_remove_memory(0, MOCK_MIB), -QUARRY_EINVAL);
	assert_int_equal(quarry_remove_memory(~0ull - 100, 200), -QUARRY_EINVAL);
	assert_int_equal(quarry_remove_memory(~0ull - 100, 50), -QUARRY_EINVAL);
	assert_int_equal(quarry_remove_memory(HIGH - MOCK_MIB, 2 * MOCK_MIB), -QUARRY_EINVAL);
	mock_expect_report(QUARRY_RULE_BAD_CONTEXT, 1);
	mock_interrupt(remove_in_irq, &error);
	assert_int_equal(error, -QUARRY_EINVAL);
	assert_totals(&before);
	mock_stop();
}

/* Random pieces go and come while random blocks are in use, against an account of every megabyte.
 * */
static void random_removals(void **state)
{
	enum { PIECES = 48 };
	bool removed[PIECES] = {false};
	uint64_t random = 3;
	(void)state;
	mock_start(&(struct mock_config){.base = HIGH});
	struct totals before = totals();
	for (unsigned step = 0; step < 1500; step++) {
		unsigned piece = (unsigned)(mock_random(&random) % PIECES);
		unsigned length = 1 + (unsigned)(mock_random(&random) % 4);
		if (piece + length > PIECES)
			length = PIECES - piece;
		phys_addr_t base = HIGH + piece * MOCK_MIB;
		bool any = false;
		for (unsigned i = piece; i < piece + length; i++)
			any |= removed[i];
		if (any) {
			assert_int_equal(quarry_add_memory(base, length * MOCK_MIB), 0);
			memset(removed + piece, 0, length);
		} else if (!quarry_remove_memory(base, length * MOCK_MIB)) {
			memset(removed + piece, 1, length);
		}
		if (hold.nr < 40 && mock_random(&random) % 2) {
			unsigned order = (unsigned)(mock_random(&random) % 8);
			struct page *page = alloc_pages(GFP_HIGHUSER_MOVABLE | __GFP_NOWARN, order);
			if (page) {
				phys_addr_t at = page_to_phys(page);
				unsigned i = (unsigned)((at - HIGH) / MOCK_MIB);
				assert_false(i < PIECES && removed[i]);
				hold_block(page, order);
			}
		} else if (hold.nr) {
			hold.nr--;
			__free_pages(hold.block[hold.nr].page, hold.block[hold.nr].order);
		}
		unsigned long gone = 0;
		for (unsigned i = 0; i < PIECES; i++)
			gone += removed[i];
		assert_int_equal(totalram_pages(), before.total - gone * 256);
		if (step % 16 == 0)
			assert_int_equal(mm_check(), 0);
	}
	free_held();
	for (unsigned i = 0; i < PIECES; i++)
		if (removed[i])
			assert_int_equal(quarry_add_memory(HIGH + i * MOCK_MIB, MOCK_MIB), 0);
	assert_totals(&before);
	mock_stop();
}

/* Two nodes meet inside a pageblock: neither can isolate it, and what was free stays free. */
static void nodes_that_meet_in_a_pageblock(void **state)
{
	static const struct quarry_mem_range map[] = {
		{16 * MOCK_MIB, 5 * MOCK_MIB, QUARRY_MEM_USABLE, 0},
		{21 * MOCK_MIB, 27 * MOCK_MIB, QUARRY_MEM_USABLE, 1},
	};

	(void)state;
	mock_start(&(struct mock_config){.map = map, .nr_map = 2});
	unsigned long free = nr_free_pages() + nr_parked_pages();
	assert_int_equal(quarry_remove_memory(16 * MOCK_MIB, 5 * MOCK_MIB), -QUARRY_EBUSY);
	assert_int_equal(mm_check(), 0);
	assert_int_equal(quarry_remove_memory(21 * MOCK_MIB, 4 * MOCK_MIB), -QUARRY_EBUSY);
	assert_int_equal(mm_check(), 0);
	assert_int_equal(nr_free_pages() + nr_parked_pages(), free);
	/* Elsewhere it goes, and past the end of memory nothing is touched. */
	assert_int_equal(quarry_remove_memory(40 * MOCK_MIB, 4 * MOCK_MIB), 0);
	mock_expect_report(QUARRY_RULE_BAD_ARGUMENT, 1);
	assert_int_equal(quarry_remove_memory(24 * MOCK_MIB, 1ull << 50), -QUARRY_EINVAL);
	assert_int_equal(quarry_add_memory(40 * MOCK_MIB, 4 * MOCK_MIB), 0);
	mock_stop();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		page_test(whole_blocks),    page_test(any_ends),	  page_test(a_zone_goes),
		page_test(across_zones),    page_test(used_memory_stays), page_test(bad_removals),
		page_test(random_removals),
		page_test(nodes_that_meet_in_a_pageblock),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
