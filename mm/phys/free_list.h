/* SPDX-License-Identifier: MIT */
/*
 * free_list.h: putting a free block on its zone's list and taking it off. The zone's lock is held.
 *
 * A block is listed by order and by list type: the mobility of its pageblock, or MIGRATE_ISOLATE.
 * The head's flags name the list.
 */
#ifndef QUARRY_MM_PHYS_FREE_LIST_H
#define QUARRY_MM_PHYS_FREE_LIST_H

#include "mm/phys/pageblock.h"
#include "mm/phys/zone.h"

/* Are all pages of a free block but its head inner ones, as far as they are meaningful? */
static inline bool free_block_is_sound(const struct page *head, unsigned order)
{
	unsigned long pfn = page_to_pfn(head);

	if (order >= pageblock_order)
		return pageblock_state(pfn) != 0;
	for (unsigned long i = 1; i < 1ul << order; i++)
		if (!page_is_inner(head + i))
			return false;
	return (pageblock_state(pfn) & BLOCK_READY) != 0;
}

/* Do the block's neighbours in the list, or the list itself, point to it? */
static inline bool free_list_agrees(const struct zone *zone, const struct page *head,
				    unsigned order, unsigned type)
{
	uint32_t pfn = (uint32_t)page_to_pfn(head);
	uint32_t next = head->lru.next, prev = head->lru.prev;

	return (!next || pfn_to_page(next)->lru.prev == pfn) &&
	       (prev ? pfn_to_page(prev)->lru.next : zone->list[order][type]) == pfn;
}

static inline void free_list_push(struct zone *zone, struct page *head, unsigned order,
				  unsigned type)
{
	uint32_t pfn = (uint32_t)page_to_pfn(head);
	uint32_t next = zone->list[order][type];

	MM_ASSERT(mm_lock_is_held(&zone->lock));
	MM_ASSERT(order <= MAX_PAGE_ORDER && type < MIGRATE_TYPES);
	MM_ASSERT(pfn && !(pfn & ((1u << order) - 1)));
	MM_ASSERT_SLOW(free_block_is_sound(head, order));
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

	MM_ASSERT(mm_lock_is_held(&zone->lock));
	MM_ASSERT(page_flags(head) == page_state(QUARRY_PAGE_FREE, order, type, zone->number));
	MM_ASSERT(free_list_agrees(zone, head, order, type));
	MM_ASSERT(zone->count[order][type]);
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
