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
 * Take a block of 2^order pages for mobility `type`: from its own lists, from an extent, or stolen from
 * another type. Return: its head, whose state the caller sets; NULL if no block is large enough.
 */
struct page *buddy_take(struct zone *zone, unsigned order, unsigned type) QUARRY_INT(buddy_take);

/*
 * Take up to `want` blocks of 2^order pages; each head is given `state`. Cheaper than as many single takes: a
 * large block is cut up at once. Return: number taken.
 */
unsigned buddy_take_many(struct zone *zone, unsigned order, unsigned type, unsigned want, struct page **heads,
			 uint32_t state) QUARRY_INT(buddy_take_many);

/* Give a block back; merges with its buddies as far as they are free. */
void buddy_give(struct zone *zone, struct page *head, unsigned order) QUARRY_INT(buddy_give);

/* Move the free blocks of the pageblock that starts at `start` to the lists of type `list`. Return: pages moved. */
unsigned long pageblock_move_free(struct zone *zone, unsigned long start, unsigned list)
	QUARRY_INT(pageblock_move_free);

/* Could a block of this order be taken for `type` without waiting? */
bool buddy_has(const struct zone *zone, unsigned order, unsigned type) QUARRY_INT(buddy_has);

/*
 * Hand frames [first, end) of the zone to the buddy at boot or when memory is added: whole maximum-order blocks become an
 * extent, the edges single blocks. Cost: O(1) for the extent, O(pageblock) for each edge.
 */
void buddy_feed(struct zone *zone, unsigned long first, unsigned long end) QUARRY_INT(buddy_feed);

/* Free blocks of an order, over all types and extents. */
unsigned long buddy_count(const struct zone *zone, unsigned order) QUARRY_INT(buddy_count);

#endif
