/* SPDX-License-Identifier: MIT */
/*
 * page_frag.h: pieces of pages, for buffers that are taken in order and freed in any order (network
 * packets).
 *
 * A cache cuts a block of pages from one end to the other; each piece holds a reference to the
 * block, and the block is free when all pieces are and the cache has left it. A piece costs a few
 * instructions, no lock and no memory besides itself. One long-lived piece keeps its whole block
 * (32 KiB), so this is for short-lived memory.
 *
 * The owner of a cache serialises its calls; pieces may be freed from anywhere.
 */
#ifndef QUARRY_PAGE_FRAG_H
#define QUARRY_PAGE_FRAG_H

#include <quarry/mm.h>

QUARRY_BEGIN_DECLS

/* All zero is an empty cache. */
struct page_frag_cache {
	struct page *block; /* NULL: none yet */
	uint32_t offset;    /* bytes handed out, with gaps */
	uint32_t size;      /* of the block */
	uint32_t left;      /* references that the cache still holds, one for each piece to come */
};

static inline void page_frag_cache_init(struct page_frag_cache *cache)
{
	cache->block = NULL;
	cache->offset = cache->size = cache->left = 0;
}

/*
 * A piece of `size` bytes, 1 .. PAGE_SIZE; `align` is a power of two up to PAGE_SIZE.
 * Context: as alloc_pages(gfp, 0). Return: NULL if there is no memory, or if an argument is out of
 * range (SIZE_LIMIT, BAD_ARGUMENT). Contents are undefined unless __GFP_ZERO.
 */
void *page_frag_alloc_align(struct page_frag_cache *cache, size_t size, gfp_t gfp, size_t align)
	QUARRY_API_CHECK(page_frag_alloc_align) QUARRY_MALLOC;
static inline void *page_frag_alloc(struct page_frag_cache *cache, size_t size, gfp_t gfp)
{
	return page_frag_alloc_align(cache, size, gfp, 1);
}

/*
 * Free a piece by any address inside it; NULL is ignored. An address that is in no block of pages
 * is reported (FREE_UNKNOWN, FREE_TWICE, FREE_KIND); a piece freed twice is noticed when its block
 * is settled (REF_COUNT).
 * Context: any but NMI.
 */
void page_frag_free(void *address) QUARRY_API(page_frag_free);

/* Leave the current block; it is free as soon as its pieces are. The cache is empty then. Context:
 * any but NMI. */
void page_frag_cache_drain(struct page_frag_cache *cache) QUARRY_API(page_frag_cache_drain);

QUARRY_END_DECLS

#endif
