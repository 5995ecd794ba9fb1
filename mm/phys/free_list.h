/* SPDX-License-Identifier: MIT */
/*
 * free_list.h: putting a free block on its zone's list and taking it off. The zone's lock is held.
 *
 * A block is listed by order and by list type: the mobility of its pageblock, or MIGRATE_ISOLATE.
 * The head's flags name the list.
 */
#ifndef QUARRY_MM_PHYS_FREE_LIST_H
#define QUARRY_MM_PHYS_FREE_LIST_H

#include "mm/phys/zone.h"

static inline void free_list_push(struct zone *zone, struct page *head, unsigned order,
				  unsigned type)
{
	uint32_t pfn = (uint32_t)page_to_pfn(head);
	uint32_t next = zone->list[order][type];

	page_set_flags(head, page_state(QUARRY_PAGE_FREE, order, type, zone->number));
	head->lru.next = next;
	head->lru.prev = 0;
	if (next)
		pfn_to_page(next)->lru.prev = pfn;
	zone->list[order][type] = pfn;
	zone->orders[type] |= 1u << order;
	zone->count[order][type]++;
}

/* Take a listed block off its list; the head's state is the caller's to set. */
static inline void free_list_unlink(struct zone *zone, struct page *head, unsigned order,
				    unsigned type)
{
	uint32_t next = head->lru.next, prev = head->lru.prev;

	if (next)
		pfn_to_page(next)->lru.prev = prev;
	if (prev)
		pfn_to_page(prev)->lru.next = next;
	else
		zone->list[order][type] = next;
	if (!zone->list[order][type])
		zone->orders[type] &= ~(1u << order);
	zone->count[order][type]--;
}

#endif
