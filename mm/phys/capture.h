/* SPDX-License-Identifier: MIT */
/*
 * capture.h: free blocks taken off the lists by where they lie, kept, and used as places to move
 * others to.
 *
 * A captured block's head has the kind ISOLATED; blocks of one order are chained through lru.next.
 * They are not counted as free. A capture belongs to one task; its zone's lock is taken only to
 * fill it and to give it back.
 *
 * Invariant  pages == sum over orders of the blocks in list[order] << order
 */
#ifndef QUARRY_MM_PHYS_CAPTURE_H
#define QUARRY_MM_PHYS_CAPTURE_H

#include "mm/phys/zone.h"

struct capture {
	struct zone *zone;
	uint32_t list[NR_PAGE_ORDERS]; /* first frame, 0: empty */
	unsigned long pages;
	unsigned long used; /* pages handed out, not yet told to the zone */
};

/*
 * Capture free movable blocks of orders below `limit` that start in frames [pfn, end) of one
 * pageblock, a bounded number under one hold of the lock. Return: the frame to go on from; `end`:
 * done.
 */
unsigned long capture_free(struct capture *capture, unsigned long pfn, unsigned long end,
			   unsigned limit) QUARRY_INT(capture_free);

/* Hand out a captured block, cut to `order`, as a USED block with one reference; NULL: there is no
 * such. */
struct page *capture_take(struct capture *capture, unsigned order) QUARRY_INT(capture_take);
/* Take one back that was not used. */
void capture_return(struct capture *capture, struct page *head) QUARRY_INT(capture_return);

/* Give everything back to the buddy. Return: the highest frame given back; 0: none. */
unsigned long capture_end(struct capture *capture) QUARRY_INT(capture_end);

#endif
