/* SPDX-License-Identifier: MIT */
/*
 * page_frag.c: cutting blocks of pages into pieces.
 *
 *   references of a block == pieces that live + left
 *
 * The cache takes more references at once than the block has bytes, so handing out a piece is a
 * plain decrement of `left`; an atomic operation is paid only where a piece is freed. Settling an
 * exhausted block drops `left` references in one operation: if none remains all pieces are back,
 * and the block starts anew without a request.
 *
 * If fewer than none remains, a piece was freed twice, and pieces may live that the count knows
 * nothing of. Such a block is given up: it keeps references that nobody has, so that whatever is
 * freed of it later, it is never handed out again.
 *
 * Start at: page_frag_alloc_align.
 */
#include <quarry/page_frag.h>

#include "mm/base/bits.h"
#include "mm/base/log.h"
#include "mm/gfp/gfp.h"
#include "mm/phys/pageblock.h"

/* 32 KiB: some twenty packets of 1.5 KiB; the largest order that requests try hard for. */
#define BLOCK_ORDER 3u
/* A piece has at least one byte; one reference is ours to the end. */
#define REFERENCES ((uint32_t)(PAGE_SIZE << BLOCK_ORDER) + 1)
/* Of a block given up: more than all its pieces together could drop. */
#define GIVEN_UP (1 << 30)

static void start_block(struct page_frag_cache *cache)
{
	__atomic_store_n(&cache->block->refcount, (int32_t)REFERENCES, __ATOMIC_RELAXED);
	cache->left = REFERENCES;
	cache->offset = 0;
}

static bool new_block(struct page_frag_cache *cache, gfp_t gfp)
{
	const gfp_t hard = __GFP_DIRECT_RECLAIM | __GFP_RETRY_MAYFAIL | __GFP_NOFAIL;
	const gfp_t light = __GFP_COMP | __GFP_NOWARN | __GFP_NORETRY | __GFP_NOMEMALLOC;
	struct page *block = alloc_pages((gfp & ~hard) | light, BLOCK_ORDER);

	if (!block)
		block = alloc_pages(gfp, 0);
	if (!block)
		return false;
	cache->block = block;
	cache->size = (uint32_t)page_size(block);
	start_block(cache);
	return true;
}

/*
 * Drop the cache's references but one, which the caller drops or uses.
 * Return: is it the only one left, so that the block is ours alone? A block in doubt is not the
 * cache's any more.
 */
static bool settle(struct page_frag_cache *cache)
{
	struct page *block = cache->block;
	int32_t drop = (int32_t)cache->left - 1;
	int32_t rest = __atomic_sub_fetch(&block->refcount, drop, __ATOMIC_ACQ_REL);

	cache->left = 1;
	if (unlikely(rest <= 0)) {
		__atomic_store_n(&block->refcount, GIVEN_UP, __ATOMIC_RELAXED);
		mm_report(REF_COUNT, "page_frag_alloc", block, rest, drop);
		page_frag_cache_init(cache);
	}
	return rest == 1;
}

/* Drop the cache's last reference of a settled block, if it still has one. */
static void let_go(struct page_frag_cache *cache)
{
	if (cache->block)
		put_page(cache->block);
	page_frag_cache_init(cache);
}

void page_frag_cache_drain(struct page_frag_cache *cache)
{
	if (cache->block)
		settle(cache);
	let_go(cache);
}

/* A block with room from its start. */
static bool refill(struct page_frag_cache *cache, gfp_t gfp)
{
	if (cache->block && settle(cache) && !page_is_pfmemalloc(cache->block)) {
		start_block(cache);
		return true;
	}
	let_go(cache);
	return new_block(cache, gfp);
}

void *page_frag_alloc_align(struct page_frag_cache *cache, size_t size, gfp_t gfp, size_t align)
{
	gfp_t zero = gfp & __GFP_ZERO;

	if (unlikely(!size || size > PAGE_SIZE)) {
		mm_report(SIZE_LIMIT, "page_frag_alloc", cache, size, PAGE_SIZE);
		return NULL;
	}
	if (unlikely(!align || align > PAGE_SIZE || align & (align - 1))) {
		mm_report(BAD_ARGUMENT, "page_frag_alloc", cache, align, PAGE_SIZE);
		return NULL;
	}
	size_t offset = align_up(cache->offset, align);
	if (unlikely(offset + size > cache->size)) {
		if (!refill(cache, gfp & ~(__GFP_ZERO | __GFP_COMP)))
			return NULL;
		offset = 0;
	}
	cache->offset = (uint32_t)(offset + size);
	cache->left--;
	char *piece = (char *)page_address(cache->block) + offset;
	if (gfp_has(zero, __GFP_ZERO))
		__builtin_memset(piece, 0, size);
	return piece;
}

void page_frag_free(void *address)
{
	if (!address)
		return;
	struct page *page = page_of_address(address);
	if (unlikely(!page)) {
		mm_report(FREE_UNKNOWN, "page_frag_free", address, 0, 0);
		return;
	}
	put_page(page);
}
