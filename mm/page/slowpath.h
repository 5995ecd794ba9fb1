/* SPDX-License-Identifier: MIT */
/*
 * slowpath.h: what a page request does when the fast try failed.
 */
#ifndef QUARRY_MM_PAGE_SLOWPATH_H
#define QUARRY_MM_PAGE_SLOWPATH_H

#include "mm/phys/freepage.h"

/*
 * The ladder: each rung ends in freepage_take().
 * Context: any but NMI; may sleep if the mask says so. Return: a USED head, or NULL, reported
 * unless __GFP_NOWARN.
 */
struct page *slowpath_take(const struct page_request *request) QUARRY_INT(slowpath_take);

/*
 * Upper layers hold pages that they can give back at once (empty slabs, areas waiting for a flush):
 * they register a function that does so, and a request that may sleep calls it before it fails. It
 * may wait; it must not allocate.
 */
struct page_holder {
	void (*give_back)(void);
	struct page_holder *next;
};
void slowpath_register_holder(struct page_holder *holder) QUARRY_INT(slowpath_register_holder);
/* Every CPU's stocks and every holder give back what they have. Context: task, irqs on, no lock. */
void slowpath_collect(void) QUARRY_INT(slowpath_collect);
/* How often requests with that highest zone waited for it. Context: any. */
unsigned long slowpath_stalls(enum zone_type highest) QUARRY_INT(slowpath_stalls);
void slowpath_init(void) QUARRY_INT(slowpath_init);

#endif
