/* SPDX-License-Identifier: MIT */
/*
 * isolate.c: pageblocks set apart, so that given frames can be taken.
 *
 * An isolated pageblock's free blocks are listed under MIGRATE_ISOLATE, from which no request is
 * served, and are not counted as free. Blocks merge inside it, but not across its border. So
 * between begin and end the free pages of the range only grow in number, and the lock is needed for
 * one pageblock at a time.
 *
 * Start at: isolate_begin.
 */
#include "mm/phys/isolate.h"

#include "mm/base/bits.h"
#include "mm/phys/buddy.h"
#include "mm/phys/extent.h"
#include "mm/phys/free_list.h"

#define for_each_pageblock(at, first, end)                                                         \
	for (unsigned long at = pageblock_start(first); at < (end); at += pageblock_nr_pages)

/* ---- begin ---- */

/* If a free block larger than a pageblock holds the one at `start`, split it so that no list entry
 * crosses the border. */
static void cut_out(struct zone *zone, unsigned long start)
{
	unsigned order = MAX_PAGE_ORDER;
	struct page *head;

	for (; order > pageblock_order; order--) {
		unsigned long pfn = start & ~((1ul << order) - 1);
		head = pfn_to_page(pfn);
		if (pageblock_state(pfn) && page_kind(head) == QUARRY_PAGE_FREE &&
		    page_order(head) == order)
			break;
	}
	if (order == pageblock_order)
		return;
	unsigned list = page_mobility(head);
	free_list_unlink(zone, head, order, list);
	while (order > pageblock_order) {
		order--;
		struct page *upper = head + (1ul << order);
		bool in_upper = start & 1ul << order;
		free_list_push(zone, in_upper ? head : upper, order, list);
		head = in_upper ? upper : head;
	}
	free_list_push(zone, head, order, list);
}

/* Spans of zones overlap: is the frame one of this zone's? A pageblock that is not mixed is all of
 * one zone, so no other lock's holder changes what is read here. */
static bool is_frame_of(const struct zone *zone, unsigned long pfn)
{
	return pageblock_state(pfn) &&
	       page_zone_number(compound_head(pfn_to_page(pfn))) == zone->number;
}

/* Set the pageblock of frame `pfn` apart. */
static int isolate_pageblock(struct zone *zone, unsigned long pfn, bool lent)
{
	unsigned long start = pageblock_start(pfn), irq = zone_lock(zone);
	int error = 0;

	extent_open(zone, start);
	unsigned state = pageblock_state(start);
	if (!is_frame_of(zone, pfn))
		error = -QUARRY_EINVAL;
	else if (state & (BLOCK_ISOLATED | BLOCK_MIXED) ||
		 ((state & BLOCK_MOBILITY) == MIGRATE_CMA) != lent)
		error = -QUARRY_EBUSY;
	else {
		cut_out(zone, start);
		pageblock_set_state(start, state | BLOCK_ISOLATED);
		pageblock_relist(zone, start);
	}
	zone_unlock(zone, irq);
	return error;
}

int isolate_begin(struct zone *zone, unsigned long first, unsigned long end, bool lent)
{
	for_each_pageblock (at, first, end) {
		int error = isolate_pageblock(zone, at < first ? first : at, lent);
		if (error) {
			if (at > first)
				isolate_end(zone, first, at);
			return error;
		}
	}
	return 0;
}

/* ---- take ---- */

/* First frame at or above `pfn`, in the pageblock of `start`, that belongs to [first, end). */
static unsigned long clip(unsigned long pfn, unsigned long first)
{
	return pfn < first ? first : pfn;
}

/* Is every frame of [first, end) in this pageblock inside a free block of the zone? */
static bool all_free(const struct zone *zone, unsigned long start, unsigned long first,
		     unsigned long end)
{
	unsigned long stop = (unsigned long)min_u64(start + pageblock_nr_pages, end);

	if (page_is_inner(pfn_to_page(start)))
		return false;
	for (unsigned long at = start; at < stop; at += 1ul << page_order(pfn_to_page(at))) {
		const struct page *head = pfn_to_page(at);
		bool wanted = at + (1ul << page_order(head)) > first;
		if (wanted &&
		    (page_kind(head) != QUARRY_PAGE_FREE || page_zone_number(head) != zone->number))
			return false;
	}
	return true;
}

/* Break a listed block into single pages: those in [first, end) are USED, the rest goes back. */
static void take_block(struct zone *zone, unsigned long pfn, unsigned long first, unsigned long end)
{
	struct page *head = pfn_to_page(pfn);
	unsigned order = page_order(head);

	free_list_unlink(zone, head, order, MIGRATE_ISOLATE);
	pageblock_make_ready(pfn, zone->number);
	for (unsigned long at = pfn; at < pfn + (1ul << order); at++) {
		struct page *page = pfn_to_page(at);
		page_set_word(page, page_state(QUARRY_PAGE_USED, 0, MIGRATE_MOVABLE, zone->number),
			      1);
		page->mapping = NULL;
		page->private_ = 0;
	}
	for (unsigned long at = pfn; at < pfn + (1ul << order); at++)
		if (at < first || at >= end)
			buddy_give(zone, pfn_to_page(at), 0);
}

static void take_pageblock(struct zone *zone, unsigned long start, unsigned long first,
			   unsigned long end)
{
	unsigned long stop = (unsigned long)min_u64(start + pageblock_nr_pages, end);

	for (unsigned long at = start; at < stop;) {
		unsigned long next = at + (1ul << page_order(pfn_to_page(at)));
		if (next > clip(start, first))
			take_block(zone, at, first, end);
		at = next;
	}
}

int isolate_take(struct zone *zone, unsigned long first, unsigned long end)
{
	for_each_pageblock (at, first, end) {
		unsigned long irq = zone_lock(zone);
		bool free = all_free(zone, at, first, end);
		zone_unlock(zone, irq);
		if (!free)
			return -QUARRY_EBUSY;
	}
	/* What was free stays free while it is isolated: the second pass cannot fail. */
	for_each_pageblock (at, first, end) {
		unsigned long irq = zone_lock(zone);
		take_pageblock(zone, at, first, end);
		zone_tally(&zone->taken, (unsigned long)(min_u64(at + pageblock_nr_pages, end) -
							 max_u64(at, first)));
		zone_unlock(zone, irq);
	}
	return 0;
}

/* ---- CMA areas ---- */

void pageblocks_lend(struct zone *zone, unsigned long first, unsigned long end, bool lent)
{
	for_each_pageblock (at, first, end) {
		unsigned long irq = zone_lock(zone);
		pageblock_set_mobility(at, lent ? MIGRATE_CMA : MIGRATE_MOVABLE);
		zone->lent_blocks += lent ? 1ul : ~0ul;
		zone_unlock(zone, irq);
	}
}

/* ---- end ---- */

static void release_pageblock(struct zone *zone, unsigned long start)
{
	unsigned long irq = zone_lock(zone);

	pageblock_set_state(start, pageblock_state(start) & ~BLOCK_ISOLATED);
	pageblock_relist(zone, start);
	zone_unlock(zone, irq);
}

void isolate_end(struct zone *zone, unsigned long first, unsigned long end)
{
	for_each_pageblock (at, first, end)
		release_pageblock(zone, at);
}
