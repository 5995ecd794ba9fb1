/* SPDX-License-Identifier: MIT */
/*
 * test_buddy.c: splitting and merging against a model, grouping by mobility, memory that stays
 * untouched until it is needed.
 */
#include "page_test.h"

static const struct mock_config plain = {
	.base = 16 * MOCK_MIB,
	.bytes = 16 * MOCK_MIB,
	.no_vmalloc = true,
	.extra = { .no_parking = true },
};

/* ---- split and merge ---- */

/* One block of each order: the other halves are left, and all comes together again (H16). */
static void h016_a_split_leaves_the_other_halves(void **state)
{
	(void)state;
	mock_start(&plain);
	struct zone *zone = zone_of(ZONE_DMA32);
	/* One maximum-order block and nothing else is free. */
	struct page *last = alloc_pages(ATOMIC_ALL, MAX_PAGE_ORDER);
	hold_all(ATOMIC_ALL, 0);
	__free_pages(last, MAX_PAGE_ORDER);
	assert_int_equal(buddy_count(zone, MAX_PAGE_ORDER), 1);
	for (unsigned order = 0; order <= MAX_PAGE_ORDER; order++) {
		struct page *page = alloc_pages(ATOMIC_ALL, order);
		for (unsigned o = 0; o < NR_PAGE_ORDERS; o++)
			assert_int_equal(buddy_count(zone, o), o >= order && o < MAX_PAGE_ORDER);
		assert_int_equal(mm_check(), 0);
		__free_pages(page, order);
		assert_int_equal(buddy_count(zone, MAX_PAGE_ORDER), 1);
	}
	free_held();
	mock_stop();
}

/* Of two free blocks, the one whose buddy is a single block in use is kept: one free merges it. */
static void a_block_that_may_merge_soon_is_kept(void **state)
{
	struct page *block[32], *whole = NULL, *broken = NULL;

	(void)state;
	mock_start(&plain);
	for (unsigned i = 0; i < 32; i++) {
		assert_non_null(block[i] = alloc_pages(GFP_KERNEL, 1));
		for (unsigned j = 0; j < i; j++) {
			if (page_to_pfn(block[i]) != (page_to_pfn(block[j]) ^ 2))
				continue;
			if (!whole) {
				whole = block[i];
			} else if (!broken) {
				broken = block[i];
				split_page(block[j], 1);
			}
		}
	}
	assert_non_null(broken);
	__free_pages(broken, 1);
	__free_pages(whole, 1);
	assert_ptr_equal(alloc_pages(GFP_KERNEL, 1), broken);
	assert_int_equal(mm_check(), 0);
	for (unsigned i = 0; i < 32; i++) {
		if (block[i] == whole)
			continue;
		if (page_order(block[i]) == 0)
			__free_page(block[i] + 1);
		__free_pages(block[i], page_order(block[i]));
	}
	mock_stop();
}

static unsigned take_batch(struct zone *zone, struct page **chain)
{
	unsigned long irq = zone_lock(zone);
	unsigned got = buddy_take_many(zone, 0, MIGRATE_MOVABLE, 16, chain,
				       page_state(QUARRY_PAGE_PARKED, 0, MIGRATE_MOVABLE,
						  zone->number));
	zone_unlock(zone, irq);
	const struct page *page = *chain;
	for (unsigned i = 0; i < got; i++, page = parked_next(page))
		assert_int_equal(page_to_pfn(page), page_to_pfn(*chain) + i);
	return got;
}

/* Fragments shorten one batch; the batches after it are whole blocks and leave none. */
static void a_batch_of_fragments_splits_nothing(void **state)
{
	struct page *chain = NULL;

	(void)state;
	mock_start(&plain);
	struct zone *zone = zone_of(ZONE_DMA32);
	assert_int_equal(take_batch(zone, &chain), 16);
	struct page *pair = alloc_pages(GFP_HIGHUSER_MOVABLE, 4);
	split_page(pair, 4);
	__free_page(pair + 2);
	__free_page(pair + 3);
	assert_int_equal(take_batch(zone, &chain), 2);
	assert_ptr_equal(chain, pair + 2);
	assert_int_equal(take_batch(zone, &chain), 16);
	assert_int_equal(page_to_pfn(chain) % 16, 0);
	assert_int_equal(zone->orders[MIGRATE_MOVABLE] & 0xf, 0);

	unsigned long irq = zone_lock(zone);
	assert_null(buddy_give_many(zone, chain, 34, 0));
	zone_unlock(zone, irq);
	for (unsigned i = 0; i < 16; i++)
		if (i != 2 && i != 3)
			__free_page(pair + i);
	mock_stop();
}

/* The model: who owns each frame. */
#define FRAMES (16 * 256u)
static unsigned char owner[FRAMES];

static void model_take(unsigned long first, unsigned long pages)
{
	assert_true(first + pages <= FRAMES);
	for (unsigned long i = first; i < first + pages; i++) {
		assert_int_equal(owner[i], 0);
		owner[i] = 1;
	}
}

static unsigned long model_owned(void)
{
	unsigned long owned = 0;

	for (unsigned i = 0; i < FRAMES; i++)
		owned += owner[i];
	return owned;
}

/* The orders of free blocks follow from the owners alone: greedy from the largest block down. */
static bool model_has_block(unsigned order)
{
	for (unsigned long first = 0; first < FRAMES; first += 1ul << order) {
		unsigned long i = first;
		while (i < first + (1ul << order) && !owner[i])
			i++;
		if (i == first + (1ul << order))
			return true;
	}
	return false;
}

static void q001_random_requests_against_a_model(void **state)
{
	static const gfp_t mobilities[] = { (gfp_t)0, __GFP_MOVABLE, __GFP_RECLAIMABLE };
	const unsigned long base = plain.base / PAGE_SIZE;
	uint64_t random = 11;

	(void)state;
	mock_start(&plain);
	struct free_map before = free_map();
	/* What the library keeps is not free for us either: find it by taking everything. */
	memset(owner, 1, sizeof(owner));
	hold_all(ATOMIC_ALL, 0);
	for (unsigned long i = 0; i < hold.nr; i++)
		owner[page_to_pfn(hold.block[i].page) - base] = 0;
	free_held();
	assert_free_map(&before);
	unsigned long kept = model_owned();

	for (unsigned step = 0; step < 20000; step++) {
		uint64_t r = mock_random(&random);
		bool fill = step / 2000 % 2 == 0;
		if (r % 8 < (fill ? 5u : 3u)) {
			unsigned order = (unsigned)(r >> 8) % 64;
			order = order < NR_PAGE_ORDERS ? order : (unsigned)(r >> 16) % 3;
			gfp_t gfp = ATOMIC_ALL | mobilities[(r >> 24) % 3];
			struct page *page = alloc_pages(gfp, order);
			/* A block is found if and only if there is one. */
			assert_int_equal(page != NULL, model_has_block(order));
			if (!page)
				continue;
			model_take(page_to_pfn(page) - base, 1ul << order);
			hold_block(page, order);
		} else if (hold.nr) {
			unsigned long i = (r >> 32) % hold.nr;
			struct held block = hold.block[i];
			memset(&owner[page_to_pfn(block.page) - base], 0, 1ul << block.order);
			__free_pages(block.page, block.order);
			hold.block[i] = hold.block[--hold.nr];
		}
		if (step % 64 == 0) {
			assert_int_equal(nr_free_pages(), FRAMES - model_owned());
			assert_int_equal(mm_check(), 0);
		}
	}
	free_held();
	assert_int_equal(nr_free_pages(), FRAMES - kept);
	assert_free_map(&before);
	mock_stop();
}

/* Single pages freed in every second place merge with nothing; with their neighbours, with all. */
static void freeing_every_second_page(void **state)
{
	(void)state;
	mock_start(&plain);
	struct free_map before = free_map();
	unsigned long nr = hold_all(ATOMIC_ALL, 0), freed = 0;
	for (unsigned long i = 0; i < nr; i++) {
		if (!(page_to_pfn(hold.block[i].page) & 1)) {
			__free_page(hold.block[i].page);
			hold.block[i].page = NULL;
			freed++;
		}
	}
	assert_int_equal(buddy_count(zone_of(ZONE_DMA32), 0), freed);
	assert_null(alloc_pages(ATOMIC_ALL, 1));
	free_held();
	assert_free_map(&before);
	mock_stop();
}

/* ---- grouping by mobility ---- */

static unsigned long mixed_pageblocks(void)
{
	unsigned char types[16 * MOCK_GIB / MOCK_MIB / 2] = { 0 };
	unsigned long mixed = 0;

	for (unsigned long i = 0; i < hold.nr; i++)
		types[pageblock_of(page_to_pfn(hold.block[i].page))] |=
			(unsigned char)(1u << page_mobility(hold.block[i].page));
	for (unsigned i = 0; i < sizeof(types); i++)
		mixed += types[i] & (types[i] - 1);
	return mixed;
}

/* As long as there are whole pageblocks for all, no two mobilities share one. */
static void mobilities_do_not_mix_while_memory_is_plenty(void **state)
{
	static const gfp_t mobilities[] = { (gfp_t)0, __GFP_MOVABLE, __GFP_RECLAIMABLE };
	uint64_t random = 1;

	(void)state;
	mock_start(&(struct mock_config){ .base = 16 * MOCK_MIB, .no_vmalloc = true });
	for (unsigned i = 0; i < 6000; i++) {
		uint64_t r = mock_random(&random);
		unsigned order = (unsigned)(r >> 8) % 2;
		struct page *page = alloc_pages(GFP_NOWAIT | mobilities[r % 3], order);
		assert_int_equal(page_mobility(page), r % 3);
		hold_block(page, order);
	}
	assert_int_equal(mixed_pageblocks(), 0);
	free_held();
	mock_stop();
}

static void g018_kernel_data_lies_in_unmovable_blocks(void **state)
{
	(void)state;
	mock_start(&(struct mock_config){ .base = 16 * MOCK_MIB });
	struct page *page = alloc_page(GFP_KERNEL);
	assert_int_equal(pageblock_mobility(page_to_pfn(page)), MIGRATE_UNMOVABLE);
	void *object = kmalloc(100, GFP_KERNEL);
	assert_int_equal(pageblock_mobility(page_to_pfn(virt_to_page(object))), MIGRATE_UNMOVABLE);
	kfree(object);
	__free_page(page);
	page = alloc_page(GFP_KERNEL | __GFP_RECLAIMABLE);
	assert_int_equal(pageblock_mobility(page_to_pfn(page)), MIGRATE_RECLAIMABLE);
	__free_page(page);
	mock_stop();
}

/* Any mobility can have the last page of any other. */
static void every_mobility_can_have_all_memory(void **state)
{
	static const gfp_t mobilities[] = { (gfp_t)0, __GFP_MOVABLE, __GFP_RECLAIMABLE };

	(void)state;
	mock_start(&plain);
	for (unsigned from = 0; from < 3; from++) {
		for (unsigned to = 0; to < 3; to++) {
			hold_all(ATOMIC_ALL | mobilities[from], 0);
			assert_int_equal(nr_free_pages(), 0);
			/* Scattered single pages, then all of them for the other mobility. */
			unsigned long freed = 0;
			for (unsigned long i = 0; i < hold.nr; i += 7, freed++) {
				__free_page(hold.block[i].page);
				hold.block[i].page = NULL;
			}
			assert_int_equal(hold_all(ATOMIC_ALL | mobilities[to], 0), freed);
			assert_int_equal(nr_free_pages(), 0);
			assert_int_equal(mm_check(), 0);
			free_held();
			assert_int_equal(mm_check(), 0);
		}
	}
	mock_stop();
}

/* A pageblock most of which is free changes its type as a whole: later requests find room in it. */
static void a_stolen_pageblock_changes_sides(void **state)
{
	(void)state;
	mock_start(&plain);
	hold_all(ATOMIC_ALL | __GFP_MOVABLE, 0);
	/* Three quarters of one pageblock come free. */
	const unsigned long block = pageblock_of(page_to_pfn(hold.block[0].page));
	for (unsigned long i = 0; i < hold.nr; i++) {
		unsigned long pfn = page_to_pfn(hold.block[i].page);
		if (pageblock_of(pfn) == block && pfn % 4) {
			__free_page(hold.block[i].page);
			hold.block[i].page = NULL;
		}
	}
	unsigned long pfn = block << pageblock_order;
	assert_int_equal(pageblock_mobility(pfn), MIGRATE_MOVABLE);
	struct page *page = alloc_page(ATOMIC_ALL);
	assert_int_equal(pageblock_of(page_to_pfn(page)), block);
	assert_int_equal(pageblock_mobility(pfn), MIGRATE_UNMOVABLE);
	assert_int_equal(mm_check(), 0);
	__free_page(page);
	free_held();
	mock_stop();
}

/* ---- untouched memory ---- */

/* A terabyte starts without a look at it: next to no pageblock is in use, and requests use few. */
static void large_memory_stays_untouched(void **state)
{
	unsigned long in_use = 0;

	(void)state;
	mock_start(&(struct mock_config){ .bytes = 1024 * MOCK_GIB, .no_vmalloc = true });
	for (unsigned i = 0; i < 1000; i++)
		hold_block(alloc_pages(GFP_KERNEL, i % 3), i % 3);
	for (unsigned long pfn = 0; pfn < 1024 * MOCK_GIB / PAGE_SIZE; pfn += pageblock_nr_pages)
		in_use += pageblock_state(pfn) != 0;
	assert_true(in_use < 64);
	free_held();
	mock_stop();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		page_test(h016_a_split_leaves_the_other_halves),
		page_test(a_block_that_may_merge_soon_is_kept),
		page_test(a_batch_of_fragments_splits_nothing),
		page_test(q001_random_requests_against_a_model),
		page_test(freeing_every_second_page),
		page_test(mobilities_do_not_mix_while_memory_is_plenty),
		page_test(g018_kernel_data_lies_in_unmovable_blocks),
		page_test(every_mobility_can_have_all_memory),
		page_test(a_stolen_pageblock_changes_sides),
		page_test(large_memory_stays_untouched),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
