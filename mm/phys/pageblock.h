/* SPDX-License-Identifier: MIT */
/*
 * pageblock.h: one byte of state per pageblock (512 pages, 2 MiB).
 *
 * Terms
 *   untouched  byte 0: no struct page of the block is meaningful. A hole, or memory that was never
 *   handed out.
 *   whole      WHOLE: only the first struct page is meaningful; the block has never been split
 *              below its size.
 *   ready      READY: every struct page of the block is meaningful. Once ready, always ready.
 *   isolated   ISOLATED: its free blocks are listed apart and not handed out; what is freed joins
 *              them
 *   mixed      MIXED: pages of two zones, whose border is not one of pageblocks. Its state stays as
 *              it is: neither zone may isolate it, or change its mobility
 * The low three bits hold the mobility type of the block's pages.
 *
 * Invariants
 *   I1  state(b) == 0  or exactly one of WHOLE, READY is set
 *   I2  WHOLE => every page but the first belongs to a block that starts at or before the
 *       pageblock's first page
 *
 * Locking  a byte changes under the lock of the zone that owns the pageblock's pages; bytes are
 * read without it.
 */
#ifndef QUARRY_MM_PHYS_PAGEBLOCK_H
#define QUARRY_MM_PHYS_PAGEBLOCK_H

#include "mm/phys/page.h"

#define BLOCK_MOBILITY 7u
#define BLOCK_WHOLE 8u
#define BLOCK_READY 16u
#define BLOCK_ISOLATED 32u
#define BLOCK_MIXED 64u

#define PAGE_STRUCT_SHIFT 5u
QUARRY_STATIC_ASSERT(sizeof(struct page) == 1u << PAGE_STRUCT_SHIFT, "shift of the page array");

/* Frames are counted from the first one of the first pageblock, so that the bound of the map is one
 * comparison, whatever the question starts from: a frame number, a struct page, an address. */
struct pageblock_map {
	uint8_t *state; /* one for each pageblock from `first` */
	unsigned long first, count;
	uintptr_t first_page;	 /* address of the first frame's struct page */
	uintptr_t first_address; /* of the first frame in the direct map */
};
extern struct pageblock_map pageblocks QUARRY_INT(pageblocks);

static inline unsigned long pageblock_of(unsigned long pfn)
{
	return pfn >> pageblock_order;
}
static inline unsigned long pageblock_start(unsigned long pfn)
{
	return pfn & ~(pageblock_nr_pages - 1);
}
/* State of the block of any frame, counted from the map's first; 0 outside. */
static QUARRY_ALWAYS_INLINE unsigned map_state(unsigned long frame)
{
	unsigned long block = pageblock_of(frame);

	if (unlikely(block >= pageblocks.count))
		return 0;
	return __atomic_load_n(&pageblocks.state[block], __ATOMIC_RELAXED);
}
/* State of the block of any frame number; 0 outside the map. */
static inline unsigned pageblock_state(unsigned long pfn)
{
	return map_state(pfn - (pageblocks.first << pageblock_order));
}
static inline void pageblock_set_state(unsigned long pfn, unsigned state)
{
	__atomic_store_n(&pageblocks.state[pageblock_of(pfn) - pageblocks.first], (uint8_t)state,
			 __ATOMIC_RELAXED);
}
/* Mobility type of a block that is not untouched. */
static inline unsigned pageblock_mobility(unsigned long pfn)
{
	return pageblock_state(pfn) & BLOCK_MOBILITY;
}
/* List type of the block's free pages. */
static inline unsigned pageblock_list(unsigned long pfn)
{
	unsigned state = pageblock_state(pfn);

	return unlikely(state & BLOCK_ISOLATED) ? MIGRATE_ISOLATE : state & BLOCK_MOBILITY;
}
/* The same for a page of ours, which the map has. */
static inline unsigned page_list(const struct page *page)
{
	uintptr_t offset = (uintptr_t)page - pageblocks.first_page;
	unsigned state = __atomic_load_n(
		&pageblocks.state[offset >> (PAGE_STRUCT_SHIFT + pageblock_order)],
		__ATOMIC_RELAXED);

	return unlikely(state & BLOCK_ISOLATED) ? MIGRATE_ISOLATE : state & BLOCK_MOBILITY;
}
static inline void pageblock_set_mobility(unsigned long pfn, unsigned mobility)
{
	pageblock_set_state(pfn, (pageblock_state(pfn) & ~BLOCK_MOBILITY) | mobility);
}

/* Is the struct page meaningful that lies `frame` frames behind the map's first? Any number. */
static QUARRY_ALWAYS_INLINE bool map_knows(unsigned long frame)
{
	unsigned state = map_state(frame);

	return likely(state & BLOCK_READY) ||
	       (state & BLOCK_WHOLE && frame == pageblock_start(frame));
}
/* Is the struct page of `pfn` meaningful? Any frame number. */
static inline bool frame_is_known(unsigned long pfn)
{
	return map_knows(pfn - (pageblocks.first << pageblock_order));
}
static inline struct page *page_if_known(unsigned long pfn)
{
	return frame_is_known(pfn) ? pfn_to_page(pfn) : NULL;
}

/*
 * Frame of any pointer that may be one to a struct page, counted from the map's first. Rotated, not
 * shifted: a pointer between two struct pages becomes a frame far outside.
 */
static QUARRY_ALWAYS_INLINE unsigned long map_frame(const struct page *page)
{
	uintptr_t offset = (uintptr_t)page - pageblocks.first_page;

	return offset / sizeof(struct page) | offset << (8 * sizeof(offset) - PAGE_STRUCT_SHIFT);
}
/*
 * For walks without a lock: what the word of flags and references at `pfn` says now, and the frame
 * after the block that starts there. It may be wrong the next moment, so a walker acts on it only
 * by means that find out, and may step into a block. Where no block starts, or nothing is
 * meaningful, the word is 0. Blocks that reach beyond a pageblock are stepped over in pageblocks.
 */
static inline unsigned long frame_look(unsigned long pfn, uint64_t *word)
{
	const struct page *page = page_if_known(pfn);
	unsigned long border = pageblock_start(pfn) + pageblock_nr_pages;

	*word = 0;
	if (!page)
		return border;
	if (page_is_inner(page))
		return pageblock_state(pfn) & BLOCK_READY ? pfn + 1 : border;
	*word = page_word(page);
	unsigned order = flags_order((uint32_t)*word);
	return order < pageblock_order ? pfn + (1ul << order) : border;
}

/* May `page` be read as a struct page? Any pointer. */
static inline bool page_is_known(const struct page *page)
{
	return map_knows(map_frame(page));
}
/* The same for pages of blocks that were split at some time, which nearly all pages are. */
static QUARRY_ALWAYS_INLINE bool page_is_ready(const struct page *page)
{
	return map_state(map_frame(page)) & BLOCK_READY;
}

/*
 * The struct page for `address` if it lies in the direct map and its struct page is meaningful;
 * NULL for every other address (vmalloc, stack, user, hole, memory never handed out). Hot: kfree
 * asks this first.
 */
static inline struct page *page_of_address(const void *address)
{
	unsigned long frame = ((uintptr_t)address - pageblocks.first_address) >> PAGE_SHIFT;

	if (unlikely(!map_knows(frame)))
		return NULL;
	return (struct page *)(pageblocks.first_page + frame * sizeof(struct page));
}

/* Head of the block that holds `address`, of a pageblock that was never split too; NULL: none of
 * ours does. Any address. */
struct page *block_of_address(const void *address) QUARRY_INT(block_of_address);

/*
 * Make every struct page of the pageblock meaningful: inner pages of zone number `zone`. The first
 * one is left alone if the block was whole. Context: the zone lock is held, or nobody else knows
 * the block.
 */
void pageblock_make_ready(unsigned long pfn, unsigned zone) QUARRY_INT(pageblock_make_ready);

/* Take over the map: `count` bytes for the pageblocks from `first`; they are zeroed here. */
void pageblock_init(uint8_t *state, unsigned long first, unsigned long count)
	QUARRY_INT(pageblock_init);

#endif
