/* SPDX-License-Identifier: MIT */
/*
 * page_tag.h: whose a block of pages is, if allocations are counted by place (quarry/alloc_tag.h);
 * else nothing.
 *
 * A word for each frame, in a table that is placed beside the page array. That of a block's head
 * names the place, until the block is freed: at the doors by which blocks leave their owners
 * (freepage_park, freepage_give_home, and the chains of page_bulk.c).
 *
 * Words of the first pages of other things count those: an area of vmalloc, a slab with one object
 * of the largest size. They are cleared before the pages go.
 */
#ifndef QUARRY_MM_PHYS_PAGE_TAG_H
#define QUARRY_MM_PHYS_PAGE_TAG_H

#include "mm/base/tag_count.h"
#include "mm/phys/page.h"

#if QUARRY_ALLOCINFO
/* The word of a page; NULL: it is not described. */
void **page_tag_word(const struct page *page) QUARRY_INT(page_tag_word);
/* A block with this word of flags is its owner's no longer. Context: any. */
void page_tag_drop(const struct page *head, uint32_t flags) QUARRY_INT(page_tag_drop);
/* A block becomes single pages, each of which is its place's. */
void page_tag_split(const struct page *head, unsigned order) QUARRY_INT(page_tag_split);
/* `dst` has what was in `src`. */
void page_tag_move(const struct page *dst, const struct page *src) QUARRY_INT(page_tag_move);
/* Bytes of the table for so many frames, and room to align it. */
static inline size_t page_tags_size(uint64_t frames)
{
	return (size_t)frames * sizeof(void *) + QUARRY_CACHE_LINE;
}
/* Frames [first, end); the table lies at `table` or up to a cache line further. */
void page_tags_init(void *table, uint64_t first, uint64_t end) QUARRY_INT(page_tags_init);
#else
static inline void page_tag_drop(const struct page *head, uint32_t flags)
{
	(void)head, (void)flags;
}
static inline void page_tag_split(const struct page *head, unsigned order)
{
	(void)head, (void)order;
}
static inline void page_tag_move(const struct page *dst, const struct page *src)
{
	(void)dst, (void)src;
}
static inline size_t page_tags_size(uint64_t frames)
{
	(void)frames;
	return 0;
}
static inline void page_tags_init(void *table, uint64_t first, uint64_t end)
{
	(void)table, (void)first, (void)end;
}
#endif

#endif
