/* SPDX-License-Identifier: MIT */
/*
 * nolock.c: taking and giving without waiting.
 *
 * Why it is safe at any instruction of anybody on this CPU:
 *   stock   its owner marks it busy before reading it and unmarks it last, so a stock without
 *           the mark is consistent; we leave it so before we return (pcp.h)
 *   zone    lists are consistent whenever the lock is free; interrupts are masked while we hold it
 *   list    a push is one compare and exchange; a pusher that we interrupted tries again
 *
 * Start at: nolock_take.
 */
#include "mm/phys/nolock.h"

#include "mm/phys/buddy.h"
#include "mm/phys/deferred.h"

static bool zone_trylock(struct zone *zone, unsigned long *irq)
{
	if (!mm_lock_if_free(&zone->lock, irq))
		return false;
	zone->lock_count++;
	return true;
}

static struct page *take_from_zone(struct zone *zone, const struct page_request *request)
{
	unsigned long need = watermark_floor(zone, MARK_MIN, RESERVE_NONE, request->highest) +
			     zone_kept(zone, false, false) + (1ul << request->order);
	struct page *head = NULL;
	unsigned long irq;

	if ((zone_free(zone) < need && !zone_has_deferred(zone)) || !zone_trylock(zone, &irq))
		return NULL;
	deferred_collect(zone);
	if (zone->free >= need)
		head = buddy_take(zone, request->order, request->type);
	if (head) {
		zone_tally(&zone->taken, 1ul << request->order);
		page_set_word(head,
			      page_state(QUARRY_PAGE_PARKED, request->order, request->type,
					 zone->number),
			      0);
	}
	zone_unlock(zone, irq);
	return head;
}

struct page *nolock_take(const struct page_request *request)
{
	struct zone *const *place = nodes.order[request->node][request->highest];
	const struct page_cpu *pages = &page_cpus[cpu_pin()];
	struct page *head = NULL;

	for (struct zone *zone; !head && (zone = zone_at(place)); place++) {
		head = stock_pop(stock_of_zone(pages, zone, request->type, request->order));
		if (!head)
			head = take_from_zone(zone, request);
	}
	cpu_unpin();
	if (head)
		page_hand_out(head);
	return head;
}

void nolock_give(struct page *head, uint32_t flags)
{
	struct zone *zone = head_zone(head);
	unsigned long irq;

	if (!freepage_park(&page_cpus[cpu_pin()], head, flags)) {
		if (zone_trylock(zone, &irq)) {
			buddy_give(zone, head, flags_order(flags));
			zone_tally(&zone->given, 1ul << flags_order(flags));
			deferred_collect(zone);
			zone_unlock(zone, irq);
		} else {
			deferred_push(zone, head);
		}
	}
	cpu_unpin();
}
