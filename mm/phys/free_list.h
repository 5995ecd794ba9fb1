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

/* Can a link lead to this frame? */
static QUARRY_ALWAYS_INLINE bool free_list_reaches(const struct zone *zone, uint32_t pfn)
{
	return !QUARRY_HARDENING ||
	       likely(pfn >= (uint32_t)zone->first && pfn < (uint32_t)zone->end);
}
/* Where the link back from the next, or the previous, block stands: in that block, or in the list.
 * NULL: there cannot be such a block. */
static QUARRY_ALWAYS_INLINE uint32_t *free_list_after(struct zone *zone, uint32_t next,
						      unsigned order, unsigned type)
{
	if (!next)
		return &zone->last[order][type];
	return free_list_reaches(zone, next) ? &pfn_to_page(next)->lru.prev : NULL;
}
static QUARRY_ALWAYS_INLINE uint32_t *free_list_before(struct zone *zone, uint32_t prev,
						       unsigned order, unsigned type)
{
	if (!prev)
		return &zone->list[order][type];
	return free_list_reaches(zone, prev) ? &pfn_to_page(prev)->lru.next : NULL;
}

/* Links do not agree (H17): report it, and put the list together anew. */
void free_list_mend(struct zone *zone, const struct page *head, unsigned order, unsigned type)
	QUARRY_INT(free_list_mend) QUARRY_COLD;

/* What both ways of listing a block begin with; `state` is FREE, order, type and zone. Return: its
 * frame. */
static inline uint32_t free_list_enter(struct zone *zone, struct page *head, unsigned order,
				       unsigned type, uint32_t state)
{
	uint32_t pfn = (uint32_t)page_to_pfn(head);

	MM_ASSERT(mm_lock_is_held(&zone->lock));
	MM_ASSERT(order <= MAX_PAGE_ORDER && type < MIGRATE_TYPES);
	MM_ASSERT(state == page_state(QUARRY_PAGE_FREE, order, type, zone->number));
	MM_ASSERT(pfn && !(pfn & ((1u << order) - 1)));
	MM_ASSERT_SLOW(free_block_is_sound(head, order));
	page_set_flags(head, state);
	zone->orders[type] |= 1u << order;
	zone->count[order][type]++;
	return pfn;
}

/* List a block as the next to be taken. */
static inline void free_list_push_as(struct zone *zone, struct page *head, unsigned order,
				     unsigned type, uint32_t state)
{
	uint32_t pfn = free_list_enter(zone, head, order, type, state);
	uint32_t next = zone->list[order][type];

	head->lru.next = next;
	head->lru.prev = 0;
	*(next ? &pfn_to_page(next)->lru.prev : &zone->last[order][type]) = pfn;
	zone->list[order][type] = pfn;
}
static inline void free_list_push(struct zone *zone, struct page *head, unsigned order,
				  unsigned type)
{
	free_list_push_as(zone, head, order, type,
			  page_state(QUARRY_PAGE_FREE, order, type, zone->number));
}

/* List a block as the last to be taken. */
static inline void free_list_append_as(struct zone *zone, struct page *head, unsigned order,
				       unsigned type, uint32_t state)
{
	uint32_t pfn = free_list_enter(zone, head, order, type, state);
	uint32_t prev = zone->list[order][type] ? zone->last[order][type] : 0;

	head->lru.next = 0;
	head->lru.prev = prev;
	*(prev ? &pfn_to_page(prev)->lru.next : &zone->list[order][type]) = pfn;
	zone->last[order][type] = pfn;
}
static inline void free_list_append(struct zone *zone, struct page *head, unsigned order,
				    unsigned type)
{
	free_list_append_as(zone, head, order, type,
			    page_state(QUARRY_PAGE_FREE, order, type, zone->number));
}

/* Take a listed block off its list; the head's state is the caller's to set. */
static inline void free_list_unlink(struct zone *zone, struct page *head, unsigned order,
				    unsigned type)
{
	const uint32_t pfn = (uint32_t)page_to_pfn(head);

	MM_ASSERT(mm_lock_is_held(&zone->lock));
	MM_ASSERT(page_flags(head) == page_state(QUARRY_PAGE_FREE, order, type, zone->number));
	for (;;) {
		uint32_t next = head->lru.next, prev = head->lru.prev;
		uint32_t *after = free_list_after(zone, next, order, type);
		uint32_t *before = free_list_before(zone, prev, order, type);
		if (QUARRY_HARDENING &&
		    unlikely(!after || !before || *after != pfn || *before != pfn)) {
			free_list_mend(zone, head, order, type);
			continue; /* once: what was mended agrees */
		}
		MM_ASSERT(zone->count[order][type]);
		*after = prev;
		*before = next;
		if (!(next | prev))
			zone->orders[type] &= ~(1u << order);
		zone->count[order][type]--;
		return;
	}
}

/* Take the first block off a list that has one; its state is the caller's to set. */
static inline struct page *free_list_take(struct zone *zone, unsigned order, unsigned type)
{
	const uint32_t pfn = zone->list[order][type];
	struct page *head = pfn_to_page(pfn);

	MM_ASSERT(mm_lock_is_held(&zone->lock));
	MM_ASSERT(page_flags(head) == page_state(QUARRY_PAGE_FREE, order, type, zone->number));
	MM_ASSERT(zone->count[order][type]);
	uint32_t next = head->lru.next;
	uint32_t *after = free_list_after(zone, next, order, type);
	if (QUARRY_HARDENING && unlikely(!after || *after != pfn)) {
		free_list_mend(zone, head, order, type);
		free_list_unlink(zone, head, order, type);
		return head;
	}
	*after = 0;
	zone->list[order][type] = next;
	if (!next)
		zone->orders[type] &= ~(1u << order);
	zone->count[order][type]--;
	return head;
}

#endif
