/* SPDX-License-Identifier: MIT */
/*
 * test_evacuate.c: given frames with movable pages in them: claimed, taken as runs, removed.
 */
#define MOCK_OWNER_THREADS 0
#include "mm/base/fault.h"
#include "tests/unit/reclaim/owner.h"

#define BASE (4 * MOCK_GIB)
#define FRAME(n) (PFN_DOWN(BASE) + (n))

static void start(unsigned cpus)
{
	owner_reset();
	mock_start(&(struct mock_config){.base = BASE, .bytes = 64 * MOCK_MIB, .cpus = cpus});
}
static void stop(void)
{
	owner_check_all();
	owner_free_all();
	mock_stop();
}

/* Fill `share` per cent of memory with movable blocks of mixed orders. Return: slots used. */
static unsigned fill(unsigned share, uint64_t *random)
{
	unsigned long left = nr_free_pages() * (100 - share) / 100;
	unsigned n = 0;

	while (n < OWNER_SLOTS && nr_free_pages() > left) {
		unsigned order = (unsigned)(mock_random(random) % 6);
		if (!owner_take(n, order, GFP_HIGHUSER_MOVABLE | __GFP_NOWARN))
			break;
		n++;
	}
	return n;
}

static void assert_no_slot_in(unsigned long first, unsigned long end)
{
	for (unsigned i = 0; i < OWNER_SLOTS; i++) {
		if (!owner.slot[i].page)
			continue;
		unsigned long pfn = page_to_pfn(owner.slot[i].page);
		assert_true(pfn >= end || pfn + (1ul << owner.slot[i].order) <= first);
	}
}

/* Any ends, also inside blocks in use: exactly these frames, and what was there lives on. */
static void ranges_are_cleared(void **state)
{
	static const unsigned long edges[] = {512, 1000, 1024, 2047, 2100, 4096};
	uint64_t random = 5;
	(void)state;
	start(2);
	fill(60, &random);
	/* Memory is used from the top of an extent: look where the blocks are. */
	unsigned long some = page_to_pfn(owner.slot[40].page) & ~(8191ul);
	unsigned long moves = 0;
	for (unsigned a = 0; a < 6; a++) {
		for (unsigned b = a + 1; b < 6; b++) {
			unsigned long first = some + edges[a], end = some + edges[b];
			unsigned long free = mock_free_pages();
			int error = alloc_contig_range(first, end, MIGRATE_MOVABLE, GFP_KERNEL);
			assert_int_equal(error, 0);
			assert_no_slot_in(first, end);
			assert_int_equal(mock_free_pages(), free - (end - first));
			for (unsigned long pfn = first; pfn < end; pfn++)
				memset(page_address(pfn_to_page(pfn)), 0xee, PAGE_SIZE);
			assert_int_equal(mm_check(), 0);
			owner_check_all();
			free_contig_range(first, end - first);
			assert_int_equal(mock_free_pages(), free);
			moves = owner.migrated;
		}
	}
	assert_true(moves > 100);
	stop();
}

/* One page pinned, or one that is not movable: refused, nothing lost, nothing moved for the
 * latter. */
static void what_cannot_move_refuses(void **state)
{
	uint64_t random = 6;
	(void)state;
	start(1);
	fill(50, &random);
	unsigned long first = page_to_pfn(owner.slot[100].page) & ~1023ul;
	unsigned pinned = 100;
	owner_pin(pinned, true);
	struct page *at = owner.slot[pinned].page;
	assert_int_equal(alloc_contig_range(first, first + 1024, MIGRATE_MOVABLE, GFP_KERNEL),
			 -QUARRY_EBUSY);
	assert_ptr_equal(owner.slot[pinned].page, at);
	owner_check_all();
	assert_int_equal(mm_check(), 0);
	owner_pin(pinned, false);

	__ClearPageMovable(at);
	unsigned long migrated = owner.migrated;
	assert_int_equal(alloc_contig_range(first, first + 1024, MIGRATE_MOVABLE, GFP_KERNEL),
			 -QUARRY_EBUSY);
	assert_int_equal(quarry_claim(PFN_PHYS(first), 1024 * PAGE_SIZE), -QUARRY_EBUSY);
	assert_int_equal(owner.migrated, migrated);
	__SetPageMovable(at, &owner_ops);

	owner.refuse = 1;
	assert_int_equal(quarry_claim(PFN_PHYS(first), 1024 * PAGE_SIZE), -QUARRY_EBUSY);
	owner.refuse = 3; /* often, but not for ever */
	owner.again = 2;
	assert_int_equal(quarry_claim(PFN_PHYS(first), 1024 * PAGE_SIZE), 0);
	assert_no_slot_in(first, first + 1024);
	quarry_release(PFN_PHYS(first), 1024 * PAGE_SIZE);
	stop();
}

/* No room for what is in the way: -ENOMEM, all as before; a failing request for a new place too. */
static void no_room(void **state)
{
	uint64_t random = 7;
	(void)state;
	start(1);
	unsigned n = fill(100, &random);
	unsigned long first = page_to_pfn(owner.slot[n / 2].page) & ~1023ul;
	unsigned long free = mock_free_pages();
	assert_true(free < 1024);
	assert_int_equal(alloc_contig_range(first, first + 1024, MIGRATE_MOVABLE, GFP_KERNEL),
			 -QUARRY_ENOMEM);
	assert_int_equal(mock_free_pages(), free);
	owner_check_all();
	for (unsigned i = 0; i < n; i += 2)
		owner_free(i);
	mock_fail_site(FAULT_PAGE, 3, false);
	assert_int_equal(alloc_contig_range(first, first + 1024, MIGRATE_MOVABLE, GFP_KERNEL),
			 -QUARRY_ENOMEM);
	assert_int_equal(alloc_contig_range(first, first + 1024, MIGRATE_MOVABLE, GFP_KERNEL), 0);
	free_contig_range(first, 1024);
	stop();
}

/* Other CPUs have parked pages of the range; no block moves into it. */
static void parked_pages_are_no_new_places(void **state)
{
	(void)state;
	start(3);
	for (unsigned i = 0; i < 3000; i++) {
		mock_set_cpu(i % 3);
		assert_true(owner_take(i, 0, GFP_HIGHUSER_MOVABLE));
	}
	unsigned long first = page_to_pfn(owner.slot[1500].page) & ~511ul;
	for (unsigned i = 0; i < 3000; i += 4) {
		mock_set_cpu(i / 4 % 3);
		owner_free(i);
	}
	mock_set_cpu(0);
	assert_true(nr_parked_pages() > 0);
	assert_int_equal(alloc_contig_range(first, first + 512, MIGRATE_MOVABLE, GFP_KERNEL), 0);
	assert_no_slot_in(first, first + 512);
	free_contig_range(first, 512);
	stop();
}

/* A run longer than any free one appears by moving; unmovable pages are gone round. */
static void runs_appear(void **state)
{
	uint64_t random = 8;
	(void)state;
	start(1);
	unsigned n = fill(95, &random);
	for (unsigned i = 0; i < n; i += 2)
		owner_free(i);
	struct page *fixed = alloc_page(GFP_KERNEL);
	struct page *run = alloc_contig_pages(4000, GFP_KERNEL, NUMA_NO_NODE);
	assert_non_null(run);
	assert_no_slot_in(page_to_pfn(run), page_to_pfn(run) + 4000);
	owner_check_all();
	free_contig_range(page_to_pfn(run), 4000);
	__free_page(fixed);
	stop();
}

/* Half of memory is taken out of use under its users, and comes back. */
static void memory_in_use_is_removed(void **state)
{
	const struct quarry_mem_range map[] = {
		{BASE, 64 * MOCK_MIB, QUARRY_MEM_USABLE, 0},
		{BASE + 64 * MOCK_MIB, 64 * MOCK_MIB, QUARRY_MEM_LATER, 0},
	};
	uint64_t random = 9;
	(void)state;
	owner_reset();
	mock_start(&(struct mock_config){
		.map = map, .nr_map = 2, .extra = {.movable_bytes = 64 * MOCK_MIB}});
	assert_int_equal(quarry_add_memory(map[1].base, map[1].size), 0);
	unsigned long total = totalram_pages();
	unsigned long in_movable = 0;
	unsigned n = fill(45, &random);
	for (unsigned i = 0; i < n; i++)
		in_movable += page_zonenum(owner.slot[i].page) == ZONE_MOVABLE;
	assert_true(in_movable > n / 2);
	assert_int_equal(quarry_remove_memory(map[1].base, map[1].size), 0);
	assert_int_equal(totalram_pages(), total - 64 * MOCK_MIB / PAGE_SIZE);
	memset(phys_to_virt(map[1].base), 0xdd, map[1].size);
	owner_check_all();
	assert_int_equal(mm_check(), 0);
	assert_int_equal(quarry_add_memory(map[1].base, map[1].size), 0);
	assert_int_equal(totalram_pages(), total);
	assert_int_equal(quarry_remove_memory(map[1].base, map[1].size), 0);
	stop();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		page_test(ranges_are_cleared),
		page_test(what_cannot_move_refuses),
		page_test(no_room),
		page_test(parked_pages_are_no_new_places),
		page_test(runs_appear),
		page_test(memory_in_use_is_removed),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
