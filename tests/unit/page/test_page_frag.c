/* SPDX-License-Identifier: MIT */
/*
 * test_page_frag.c: pieces of pages: placement, references, reuse of blocks, wrong frees.
 */
#include "mm/base/fault.h"
#include "tests/unit/phys/page_test.h"

#define PIECES 4000u

/* Random sizes and alignments, freed in any order: pieces never overlap and keep their contents. */
static void pieces_are_disjoint(void **state)
{
	static struct {
		unsigned char *at;
		size_t size;
	} piece[PIECES];
	struct page_frag_cache cache = {0};
	uint64_t random = 7;
	unsigned live = 0;
	(void)state;
	mock_start(NULL);
	unsigned long before = mock_free_pages();
	for (unsigned step = 0; step < 40000; step++) {
		if (live < PIECES && mock_random(&random) % 3) {
			size_t size = 1 + mock_random(&random) % (step % 5 ? 200 : PAGE_SIZE);
			size_t align = 1ul << mock_random(&random) % 13;
			unsigned char *at = page_frag_alloc_align(&cache, size, GFP_ATOMIC, align);
			assert_non_null(at);
			assert_int_equal((uintptr_t)at % align, 0);
			memset(at, (int)(size % 251), size);
			piece[live].at = at;
			piece[live++].size = size;
		} else if (live) {
			unsigned i = (unsigned)(mock_random(&random) % live);
			for (size_t b = 0; b < piece[i].size; b++)
				assert_int_equal(piece[i].at[b], piece[i].size % 251);
			page_frag_free(piece[i].at + piece[i].size / 2); /* any address inside */
			piece[i] = piece[--live];
		}
	}
	assert_int_equal(mm_check(), 0);
	while (live)
		page_frag_free(piece[--live].at);
	page_frag_cache_drain(&cache);
	assert_null(cache.block);
	assert_int_equal(mock_free_pages(), before);
	mock_stop();
}

/* All pieces back: the block starts anew without a request. One still out: a new block, and the old
 * one goes back later. */
static void blocks_are_reused(void **state)
{
	struct page_frag_cache cache;
	(void)state;
	mock_start(NULL);
	page_frag_cache_init(&cache);
	unsigned long before = mock_free_pages();
	unsigned long passes = mock_fault_passes(FAULT_PAGE);
	for (unsigned i = 0; i < 80; i++)
		page_frag_free(page_frag_alloc(&cache, PAGE_SIZE, GFP_KERNEL));
	assert_int_equal(mock_fault_passes(FAULT_PAGE), passes + 1);

	struct page *block = cache.block;
	page_frag_cache_drain(&cache);
	page_frag_cache_drain(&cache);
	assert_int_equal(mock_free_pages(), before);
	void *kept = page_frag_alloc(&cache, 100, GFP_KERNEL);
	block = cache.block;
	for (unsigned i = 0; i < 8; i++)
		page_frag_free(page_frag_alloc(&cache, PAGE_SIZE, GFP_KERNEL));
	assert_ptr_not_equal(cache.block, block);
	assert_int_equal(page_ref_count(block), 1);
	page_frag_free(kept);
	page_frag_cache_drain(&cache);
	mock_stop();
}

/* A block of several pages is not there: single pages do. None at all: NULL, and the cache is
 * usable later. */
static void little_memory(void **state)
{
	struct page_frag_cache cache = {0};
	(void)state;
	mock_start(NULL);
	mock_fail_site(FAULT_PAGE, 1, false);
	unsigned char *a = page_frag_alloc(&cache, 3000, GFP_KERNEL);
	assert_non_null(a);
	assert_int_equal(cache.size, PAGE_SIZE);
	mock_fail_site(FAULT_PAGE, 1, true);
	assert_null(page_frag_alloc(&cache, 3000, GFP_KERNEL));
	mock_fail_site(-1, 0, false);
	unsigned char *b = page_frag_alloc(&cache, 3000, GFP_KERNEL);
	assert_non_null(b);
	assert_ptr_not_equal(PAGE_MASK & (uintptr_t)a, PAGE_MASK & (uintptr_t)b);
	page_frag_free(a);
	page_frag_free(b);
	page_frag_cache_drain(&cache);
	mock_stop();
}

/* __GFP_ZERO is about the piece, also in a block that was used before. */
static void zeroed_pieces(void **state)
{
	struct page_frag_cache cache = {0};
	(void)state;
	mock_start(&(struct mock_config){.bytes = 8 * MOCK_MIB, .dirty_memory = true});
	for (unsigned i = 0; i < 50; i++) {
		unsigned char *piece = page_frag_alloc(&cache, 1500, GFP_KERNEL | __GFP_ZERO);
		for (unsigned b = 0; b < 1500; b++)
			assert_int_equal(piece[b], 0);
		memset(piece, 0xff, 1500);
		page_frag_free(piece);
	}
	page_frag_cache_drain(&cache);
	mock_stop();
}

/* Sizes 0 and above a page, alignments that are none: one report, NULL, the cache goes on. */
static void bad_requests(void **state)
{
	struct page_frag_cache cache = {0};
	(void)state;
	mock_start(NULL);
	mock_expect_report(QUARRY_RULE_SIZE_LIMIT, 3);
	assert_null(page_frag_alloc(&cache, 0, GFP_KERNEL));
	assert_null(page_frag_alloc(&cache, PAGE_SIZE + 1, GFP_KERNEL));
	assert_null(page_frag_alloc(&cache, ~(size_t)0, GFP_KERNEL));
	mock_expect_report(QUARRY_RULE_BAD_ARGUMENT, 3);
	assert_null(page_frag_alloc_align(&cache, 8, GFP_KERNEL, 0));
	assert_null(page_frag_alloc_align(&cache, 8, GFP_KERNEL, 24));
	assert_null(page_frag_alloc_align(&cache, 8, GFP_KERNEL, 2 * PAGE_SIZE));
	assert_null(cache.block);
	void *piece = page_frag_alloc_align(&cache, PAGE_SIZE, GFP_KERNEL, PAGE_SIZE);
	assert_non_null(piece);
	page_frag_free(piece);
	page_frag_cache_drain(&cache);
	mock_stop();
}

/* Freed twice: noticed when the block is settled. Foreign addresses: at once. */
static void bad_frees(void **state)
{
	struct page_frag_cache cache = {0};
	int local;
	(void)state;
	mock_start(NULL);
	void *piece = page_frag_alloc(&cache, 64, GFP_KERNEL);
	page_frag_free(piece);
	page_frag_free(piece);
	mock_expect_report(QUARRY_RULE_REF_COUNT, 1);
	page_frag_cache_drain(&cache);
	assert_int_equal(mm_check(), 0);
	page_frag_free(piece); /* told already */
	mock_world.baseline -= 8;

	page_frag_free(NULL);
	mock_expect_report(QUARRY_RULE_FREE_UNKNOWN, 3);
	page_frag_free(&local);
	page_frag_free((void *)16);
	page_frag_free((void *)MOCK_VMALLOC);
	void *object = kmalloc(64, GFP_KERNEL);
	mock_expect_report(QUARRY_RULE_FREE_KIND, 1);
	page_frag_free(object);
	kfree(object);
	mock_stop();
}

/* A piece was freed twice while another lives: the block is never handed out again, by this cache
 * or by anybody, and frees of its pieces go on to be harmless. */
static void a_block_in_doubt_is_given_up(void **state)
{
	struct page_frag_cache cache = {0};
	(void)state;
	mock_start(&(struct mock_config){.bytes = 8 * MOCK_MIB});
	char *wrong = page_frag_alloc(&cache, 1000, GFP_KERNEL);
	char *live = page_frag_alloc(&cache, 1000, GFP_KERNEL);
	struct page *block = cache.block;
	memset(live, 'b', 1000);
	for (unsigned i = 0; i < 3; i++)
		page_frag_free(wrong);
	mock_expect_report(QUARRY_RULE_REF_COUNT, 1);
	for (unsigned i = 0; i < 50; i++) { /* more than fit into the block */
		char *piece = page_frag_alloc(&cache, 1000, GFP_KERNEL | __GFP_ZERO);
		assert_non_null(piece);
		page_frag_free(piece);
	}
	assert_ptr_not_equal(cache.block, block);
	page_frag_cache_drain(&cache);
	hold_all(ATOMIC_ALL | __GFP_ZERO, 0);
	for (unsigned i = 0; i < 1000; i++)
		assert_int_equal(live[i], 'b');
	page_frag_free(live);
	page_frag_free(wrong);
	assert_null(alloc_pages(ATOMIC_ALL, 0));
	free_held();
	mock_world.baseline -= 8; /* the block */
	mock_stop();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		page_test(pieces_are_disjoint), page_test(blocks_are_reused),
		page_test(little_memory),	page_test(zeroed_pieces),
		page_test(bad_requests),	page_test(bad_frees),
		page_test(a_block_in_doubt_is_given_up),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
