/* SPDX-License-Identifier: MIT */
/*
 * page_alloc.h: the judgement of a free, for the ways of freeing that lie in other files.
 */
#ifndef QUARRY_MM_PAGE_PAGE_ALLOC_H
#define QUARRY_MM_PAGE_PAGE_ALLOC_H

#include "mm/phys/page_chain.h"

/* Free a block that a layer above took for itself and holds the only reference to, whatever kind it
 * gave it. Nothing is judged. Context: any but NMI. */
void page_give(struct page *head) QUARRY_INT(page_give);

/*
 * The same for the first blocks of a chain, at most n, until they have `most` pages or more; but
 * only the one reference that their layer holds is dropped: a block that has others is kept until
 * they are. Cost: the CPU is pinned for n pushes, a zone's lock where a stock is full.
 */
void page_give_chain(struct page_chain *chain, unsigned n, unsigned long most)
	QUARRY_INT(page_give_chain);

/*
 * Drop the caller's reference to the block of `order` at `page`; a wrong free is reported and
 * changes nothing. Context: any. Return: true if it was the last: the caller gives the block back.
 */
bool page_drop(const char *call, struct page *page, unsigned order, uintptr_t caller)
	QUARRY_INT(page_drop);

#endif
