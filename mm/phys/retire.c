/* SPDX-License-Identifier: MIT */
/*
 * retire.c: taking frames away from a zone.
 *
 * A pageblock that is covered whole forgets its state, so that it can become part of an extent when
 * it is fed again. In one that keeps other frames the retired ones are marked RESERVED, as holes
 * are. The zone's span stays as it is.
 */
#include "mm/phys/retire.h"

#include "mm/base/bits.h"
#include "mm/phys/pageblock.h"

static void forget_pageblock(struct zone *zone, unsigned long start)
{
	if (pageblock_mobility(start) == MIGRATE_HIGHATOMIC)
		zone->atomic_blocks--;
	pageblock_set_state(start, 0);
}

static void reserve_frames(const struct zone *zone, unsigned long first, unsigned long end)
{
	for (unsigned long pfn = first; pfn < end; pfn++)
		page_set_word(pfn_to_page(pfn),
			      page_state(QUARRY_PAGE_RESERVED, 0, 0, zone->number), 0);
}

void frames_retire(struct zone *zone, unsigned long first, unsigned long end)
{
	while (first < end) {
		unsigned long next = pageblock_start(first) + pageblock_nr_pages;
		unsigned long stop = (unsigned long)min_u64(next, end), pages = stop - first;
		unsigned long irq = zone_lock(zone);
		if (pages == pageblock_nr_pages)
			forget_pageblock(zone, first);
		else
			reserve_frames(zone, first, stop);
		zone_tally(&zone->managed, -pages);
		zone_tally(&zone->given, pages);
		zone_tally(&zone->present, -pages);
		zone_unlock(zone, irq);
		first = stop;
	}
}
