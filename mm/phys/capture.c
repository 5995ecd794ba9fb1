/* SPDX-License-Identifier: MIT */
/*
 * capture.c: filling a capture from given frames, handing out, giving back.
 *
 * Only blocks smaller than a pageblock are captured, so every struct page they may need as a head
 * is meaningful, and only from lists for movable pages, so that no block is moved among others
 * that stay.
 *
 * Cost      at most HOLD_STEPS blocks are looked at under one hold of the zone's lock.
 * Start at  capture_free.
 */
#include "mm/phys/capture.h"

#include "mm/base/bits.h"
#include "mm/phys/buddy.h"
#include "mm/phys/freepage.h"

#define HOLD_STEPS 64u

static void keep(struct capture *capture, struct page *head, unsigned order)
{
	page_set_word(
		head,
		page_state(QUARRY_PAGE_ISOLATED, order, MIGRATE_MOVABLE, capture->zone->number), 0);
	head->lru.next = capture->list[order];
	capture->list[order] = (uint32_t)page_to_pfn(head);
	capture->pages += 1ul << order;
}

static struct page *unkeep(struct capture *capture, unsigned order)
{
	struct page *head = pfn_to_page(capture->list[order]);

	capture->list[order] = head->lru.next;
	capture->pages -= 1ul << order;
	return head;
}

/* Is this word that of a free block which may be captured? */
static bool is_wanted(const struct zone *zone, uint32_t flags, unsigned limit)
{
	unsigned list = flags >> QUARRY_PG_MOBILITY_SHIFT & 7u;

	return flags_kind(flags) == QUARRY_PAGE_FREE && flags_order(flags) < limit &&
	       (flags >> QUARRY_PG_ZONE_SHIFT & 0xffu) == zone->number &&
	       (list == MIGRATE_MOVABLE || list == MIGRATE_CMA);
}

unsigned long capture_free(struct capture *capture, unsigned long pfn, unsigned long end,
			   unsigned limit)
{
	struct zone *zone = capture->zone;
	unsigned long irq = zone_lock(zone);

	MM_ASSERT(limit <= pageblock_order);
	for (unsigned step = 0; step < HOLD_STEPS && pfn < end; step++) {
		uint64_t word;
		unsigned long next = frame_look(pfn, &word);
		if (is_wanted(zone, (uint32_t)word, limit)) {
			struct page *head = pfn_to_page(pfn);
			buddy_take_listed(zone, head);
			keep(capture, head, flags_order((uint32_t)word));
		}
		pfn = next;
	}
	zone_unlock(zone, irq);
	return pfn < end ? pfn : end;
}

struct page *capture_take(struct capture *capture, unsigned order)
{
	unsigned have = order;

	while (have < NR_PAGE_ORDERS && !capture->list[have])
		have++;
	if (have == NR_PAGE_ORDERS)
		return NULL;
	struct page *head = unkeep(capture, have);
	while (have > order) {
		have--;
		keep(capture, head + (1ul << have), have);
	}
	page_set_flags(head, page_state(QUARRY_PAGE_PARKED, order, MIGRATE_MOVABLE,
					capture->zone->number));
	page_hand_out(head);
	arch_mem_unpoison(page_address(head), PAGE_SIZE << order);
	capture->used += 1ul << order;
	return head;
}

void capture_return(struct capture *capture, struct page *head)
{
	unsigned order = page_order(head);

	arch_mem_poison(page_address(head), PAGE_SIZE << order);
	capture->used -= 1ul << order;
	keep(capture, head, order);
}

unsigned long capture_end(struct capture *capture)
{
	struct zone *zone = capture->zone;
	unsigned long irq = zone_lock(zone);
	unsigned long highest = 0;
	unsigned steps = 0;

	zone_tally(&zone->taken, capture->used);
	capture->used = 0;
	for (unsigned order = 0; order < NR_PAGE_ORDERS; order++) {
		while (capture->list[order]) {
			struct page *head = unkeep(capture, order);
			highest = (unsigned long)max_u64(highest, page_to_pfn(head));
			buddy_give(zone, head, order);
			if (++steps % HOLD_STEPS)
				continue;
			zone_unlock(zone, irq);
			irq = zone_lock(zone);
		}
	}
	zone_unlock(zone, irq);
	return highest;
}
