/* SPDX-License-Identifier: MIT */
/*
 * page_chain.h: blocks of pages chained through struct page.lru, so that collecting them needs no
 * memory.
 *
 * The link is the frame number of the next block's head, 0 ends the chain (frame 0 is never handed
 * out). Blocks of any kind and order may be mixed; a head's flags tell its order.
 */
#ifndef QUARRY_MM_PHYS_PAGE_CHAIN_H
#define QUARRY_MM_PHYS_PAGE_CHAIN_H

#include "mm/phys/page.h"

struct page_chain {
	unsigned long head, tail;
	unsigned long count; /* pages */
};

static inline void chain_push(struct page_chain *chain, struct page *page)
{
	unsigned long pfn = page_to_pfn(page);

	page->lru.next = (uint32_t)chain->head;
	if (!chain->head)
		chain->tail = pfn;
	chain->head = pfn;
	chain->count += 1ul << page_order(page);
}

/* Return: the block pushed last, NULL if the chain is empty. */
static inline struct page *chain_pop(struct page_chain *chain)
{
	struct page *page = NULL;

	if (chain->head) {
		page = pfn_to_page(chain->head);
		chain->head = page->lru.next;
		chain->count -= 1ul << page_order(page);
	}
	return page;
}

/* Move all of `from` in front of `to`. */
static inline void chain_splice(struct page_chain *to, struct page_chain *from)
{
	if (!from->head)
		return;
	if (to->head)
		pfn_to_page(from->tail)->lru.next = (uint32_t)to->head;
	else
		to->tail = from->tail;
	to->head = from->head;
	to->count += from->count;
	*from = (struct page_chain){0, 0, 0};
}

#endif
