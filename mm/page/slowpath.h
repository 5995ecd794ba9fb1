/* SPDX-License-Identifier: MIT */
/*
 * slowpath.h: what a page request does when the fast try failed.
 */
#ifndef QUARRY_MM_PAGE_SLOWPATH_H
#define QUARRY_MM_PAGE_SLOWPATH_H

#include "mm/phys/freepage.h"

/*
 * The first two rungs for a page whose mask alone says how deep it may go, which are all that most
 * requests need that find every zone below its low mark: kswapd is woken. Return: how deep the
 * request may go at the minimum mark; RESERVE_ALL: that takes the whole ladder to say. Larger
 * blocks often find none there, and climb from the start, as does a page that finds nothing.
 * Context: any but NMI, pinned.
 */
enum gfp_reserve_depth slowpath_below_low(const struct page_request *request)
	QUARRY_INT(slowpath_below_low);

/*
 * The ladder: each rung ends in freepage_take().
 * Context: any but NMI; may sleep if the mask says so. Return: a USED head, or NULL, reported
 * unless __GFP_NOWARN.
 */
struct page *slowpath_take(const struct page_request *request) QUARRY_INT(slowpath_take);

/* How often requests with that highest zone had to reclaim. Context: any. */
unsigned long slowpath_stalls(enum zone_type highest) QUARRY_INT(slowpath_stalls);
void slowpath_init(void) QUARRY_INT(slowpath_init);

#endif
