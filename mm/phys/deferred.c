/* SPDX-License-Identifier: MIT */
/*
 * deferred.c: the lock-free list of a zone.
 *
 * Start at: deferred_push.
 */
#include "mm/phys/deferred.h"

#include "mm/phys/buddy.h"

void deferred_push(struct zone *zone, struct page *head)
{
	uint32_t pfn = (uint32_t)page_to_pfn(head);
	uint32_t first = __atomic_load_n(&zone->deferred, __ATOMIC_RELAXED);

	__atomic_fetch_add(&zone->deferred_pages, 1ul << page_order(head), __ATOMIC_RELAXED);
	do
		head->lru.next = first;
	while (!__atomic_compare_exchange_n(&zone->deferred, &first, pfn, true, __ATOMIC_RELEASE,
					    __ATOMIC_RELAXED));
}

void deferred_give_all(struct zone *zone)
{
	uint32_t pfn = __atomic_exchange_n(&zone->deferred, 0u, __ATOMIC_ACQUIRE);

	while (pfn) {
		struct page *head = pfn_to_page(pfn);
		unsigned order = page_order(head);
		pfn = head->lru.next;
		buddy_give(zone, head, order);
		zone_tally(&zone->given, 1ul << order);
		__atomic_fetch_sub(&zone->deferred_pages, 1ul << order, __ATOMIC_RELAXED);
	}
}
