/* SPDX-License-Identifier: MIT */
/*
 * page_chain.h: single pages chained through struct page.lru, so that collecting them needs no
 * memory.
 *
 * The link is the next page's frame number, 0 ends the chain (frame 0 is never handed out). Pages
 * of any kind may be mixed; all were allocated by the virtual layer as single pages.
 */
#ifndef QUARRY_MM_VMAP_PAGE_CHAIN_H
#define QUARRY_MM_VMAP_PAGE_CHAIN_H

#include "mm/phys/page.h"

struct page_chain {
	unsigned long head, tail, count;
};

static inline void chain_push(struct page_chain *chain, struct page *page)
{
	unsigned long pfn = page_to_pfn(page);

	page->lru.next = (uint32_t)chain->head;
	if (!chain->head)
		chain->tail = pfn;
	chain->head = pfn;
	chain->count++;
}

/* Return: the page pushed last, NULL if the chain is empty. */
static inline struct page *chain_pop(struct page_chain *chain)
{
	struct page *page = NULL;

	if (chain->head) {
		page = pfn_to_page(chain->head);
		chain->head = page->lru.next;
		chain->count--;
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
