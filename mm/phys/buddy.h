/* SPDX-License-Identifier: MIT */
/*
 * buddy.h: the free lists of a zone: take a block, give one back.
 *
 * All functions here need the zone's lock held, interrupts masked. They judge nothing: watermarks,
 * page checks and statistics are their callers'.
 */
#ifndef QUARRY_MM_PHYS_BUDDY_H
#define QUARRY_MM_PHYS_BUDDY_H

#include "mm/phys/pageblock.h"
#include "mm/phys/zone.h"

/*
 * Take a block of 2^order pages for mobility `type`: from its own lists, from an extent, or stolen
 * from another type. Return: its head, whose state the caller sets; NULL if no block is large
 * enough.
 */
struct page *buddy_take(struct zone *zone, unsigned order, unsigned type) QUARRY_INT(buddy_take);

/*
 * Take up to `want` blocks of 2^order pages and put them before the chain of parked heads; each is
 * given `state`. Cheaper than as many single takes: a large block is cut up at once. Fragments go
 * first, and with some of them in hand no block is split for the rest: its remains would be the
 * next batch's fragments, and so for ever. Return: number taken, 0 only if there is no block.
 */
unsigned buddy_take_many(struct zone *zone, unsigned order, unsigned type, unsigned want,
			 struct page **chain, uint32_t state) QUARRY_INT(buddy_take_many);

/* Take this very block, which is free and listed. Its state is the caller's to set. */
void buddy_take_listed(struct zone *zone, struct page *head) QUARRY_INT(buddy_take_listed);

/*
 * The reserve for atomic requests of more than one page: pageblocks of type HIGHATOMIC, at most 1 %
 * of the zone and at least one. Taken from only by such requests, filled by the first that had to
 * use the emergency reserve (G77).
 */
struct page *buddy_take_atomic(struct zone *zone, unsigned order) QUARRY_INT(buddy_take_atomic);
/* Make the pageblock that holds `head` part of that reserve, unless it is full. */
void buddy_reserve_atomic(struct zone *zone, const struct page *head)
	QUARRY_INT(buddy_reserve_atomic);
/* Give the pageblocks of the reserve that have free pages to mobility `type`. */
void buddy_release_atomic(struct zone *zone, unsigned type) QUARRY_INT(buddy_release_atomic);

/* Give a block back; merges with its buddies as far as they are free. */
void buddy_give(struct zone *zone, struct page *head, unsigned order) QUARRY_INT(buddy_give);
/* The same for the first `nr` blocks of a chain of parked heads, of one order, for less. Return:
 * the rest of the chain. */
struct page *buddy_give_many(struct zone *zone, struct page *head, unsigned nr, unsigned order)
	QUARRY_INT(buddy_give_many);

/* The pageblock at `start` changed its type or isolation: list its free blocks anew, and let them
 * merge. */
void pageblock_relist(struct zone *zone, unsigned long start) QUARRY_INT(pageblock_relist);

/*
 * Hand frames [first, end) of the zone to the buddy at boot or when memory is added: whole
 * maximum-order blocks become an extent, the edges single blocks. Before that, with no lock held,
 * buddy_share_edges() makes pageblocks that are another zone's so far mixed, under that zone's
 * lock. Cost: O(1) for the extent, O(pageblock) for each edge.
 */
void buddy_share_edges(const struct zone *zone, unsigned long first, unsigned long end)
	QUARRY_INT(buddy_share_edges);
void buddy_feed(struct zone *zone, unsigned long first, unsigned long end) QUARRY_INT(buddy_feed);

/* Free blocks of an order, over all types and extents. */
unsigned long buddy_count(const struct zone *zone, unsigned order) QUARRY_INT(buddy_count);

#endif
