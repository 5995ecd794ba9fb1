/* SPDX-License-Identifier: MIT */
/*
 * frame.c: what a page frame is used for.
 *
 * A frame of a pageblock in use belongs to the block whose head is found by clearing low bits of
 * its number. Frames of pageblocks that were never handed out have no state of their own: the
 * library's tables are known by their place, extents by the zones' chains, and what is left is no
 * memory of ours: a hole, a device, the kernel's image.
 */
#include "mm/report/frame.h"

#include "mm/base/bits.h"
#include "mm/phys/pageblock.h"

/* Do the page array, or the block map behind it, lie in this frame? */
static bool holds_tables(unsigned long pfn)
{
	const void *first = pfn_to_page(pageblocks.first << pageblock_order);
	const void *last = pageblocks.state + (pageblocks.count - 1);
	phys_addr_t at = PFN_PHYS(pfn);

	return at >= (virt_to_phys(first) & PAGE_MASK) && at <= virt_to_phys(last);
}

/* Kind of the block of 2^bits pages or more that starts at `pfn`; INNER if none does. */
static enum quarry_page_kind block_kind(unsigned long pfn, unsigned bits)
{
	uint32_t flags = page_flags(pfn_to_page(pfn));

	return flags_order(flags) >= bits && (flags & QUARRY_PG_MEMBER) != QUARRY_PG_MEMBER ?
		       flags_kind(flags) :
		       QUARRY_PAGE_INNER;
}

unsigned frame_kind(unsigned long pfn)
{
	unsigned state = pageblock_state(pfn);
	unsigned kind = QUARRY_PAGE_INNER;

	if (!state)
		return holds_tables(pfn) ? FRAME_TABLES : FRAME_UNKNOWN;
	for (unsigned bits = state & BLOCK_READY ? 0 : pageblock_order;
	     bits <= MAX_PAGE_ORDER && kind == QUARRY_PAGE_INNER; bits++) {
		unsigned long start = pfn >> bits << bits;
		if (pageblock_state(start))
			kind = block_kind(start, bits);
	}
	return kind == QUARRY_PAGE_RESERVED && holds_tables(pfn) ? FRAME_TABLES : kind;
}

unsigned long frames_in_extents(unsigned long first, unsigned long end)
{
	unsigned long frames = 0;

	for_every_populated_zone(zone) {
		if (first >= zone_end_pfn(zone) || end <= zone_start_pfn(zone))
			continue;
		unsigned long irq = zone_lock(zone);
		for (unsigned long pfn = zone->extent; pfn; pfn = pfn_to_page(pfn)->lru.next) {
			unsigned long stop = pfn + (pfn_to_page(pfn)->private_ << MAX_PAGE_ORDER);
			if (pfn < end && stop > first)
				frames += (unsigned long)(min_u64(stop, end) - max_u64(pfn, first));
		}
		zone_unlock(zone, irq);
	}
	return frames;
}
