/* SPDX-License-Identifier: MIT */
/*
 * evacuate.c: moving what is in use out of given frames.
 *
 * The walk goes from block to block without a lock. What it sees of a block may be old; that is no
 * harm, because migrate_block() catches only what is movable, and because who wants the frames
 * looks again under the lock (isolate_take).
 *
 *   FREE               nothing to do          MOVABLE, one reference    move
 *   PARKED, ISOLATED   comes home soon        MOVABLE, more             again later
 *   anything else      stays
 *
 * New places come from ordinary requests. A stock may still hold pages of the isolated range:
 * such a page goes home, which lists it as isolated, and the next is asked for.
 *
 * Start at: evacuate.
 */
#include "mm/page/evacuate.h"

#include <quarry/gfp.h>

#include "mm/phys/freepage.h"
#include "mm/phys/pageblock.h"
#include "mm/reclaim/migrate.h"

struct evacuation {
	struct migrate_target target; /* first: see take() */
	unsigned long first, end;     /* nothing is moved to these frames */
	gfp_t gfp;
};

/* ---- new places ---- */

/* Zones that a block may move to: its own and what lies below it (its first request may have
 * needed low memory). */
static gfp_t zone_bits(const struct zone *zone)
{
	switch (zone->type) {
	case ZONE_DMA:
		return __GFP_DMA;
	case ZONE_DMA32:
		return __GFP_DMA32;
	case ZONE_MOVABLE:
		return __GFP_HIGHMEM;
	default:
		return (QUARRY_FORCE gfp_t)0;
	}
}

static void go_home(struct page *page)
{
	arch_mem_poison(page_address(page), PAGE_SIZE << page_order(page));
	freepage_give_home(page);
}

static struct page *take(struct migrate_target *target, const struct page *src, unsigned order)
{
	const struct evacuation *evacuation = (struct evacuation *)target;
	const struct zone *zone = head_zone(src);
	gfp_t gfp = (evacuation->gfp & (__GFP_RECLAIM | __GFP_IO | __GFP_FS)) |
		    __GFP_RETRY_MAYFAIL | __GFP_NOWARN | __GFP_MOVABLE | zone_bits(zone);

	for (;;) {
		struct page *page = alloc_pages_node(zone->node, gfp, order);
		unsigned long pfn = page ? page_to_pfn(page) : 0;
		if (!page || pfn >= evacuation->end || pfn + (1ul << order) <= evacuation->first)
			return page;
		go_home(page);
	}
}

static void give(struct migrate_target *target, struct page *dst)
{
	(void)target;
	go_home(dst);
}

/* ---- the walk ---- */

/* Each is more in the way than the one before. */
enum finding { FOUND_NOTHING, FOUND_MOVABLE, FOUND_PINNED, FOUND_FIXED };

static enum finding judge(const struct zone *zone, uint64_t word)
{
	if (!word)
		return FOUND_NOTHING; /* inside a block that was judged, or changing just now */
	if (((uint32_t)word >> QUARRY_PG_ZONE_SHIFT & 0xffu) != zone->number)
		return FOUND_FIXED;
	switch (flags_kind((uint32_t)word)) {
	case QUARRY_PAGE_FREE:
	case QUARRY_PAGE_PARKED:
	case QUARRY_PAGE_ISOLATED:
		return FOUND_NOTHING;
	case QUARRY_PAGE_MOVABLE:
		return word_is_movable(word) ? FOUND_MOVABLE : FOUND_PINNED;
	default:
		return FOUND_FIXED;
	}
}

/* Where the block that holds `first` starts. */
static unsigned long walk_start(unsigned long first)
{
	return pageblock_state(first) ? page_to_pfn(compound_head(pfn_to_page(first))) : first;
}

static unsigned long last_found(const struct zone *zone, unsigned long first, unsigned long end,
				enum finding least)
{
	unsigned long found = end, next;

	for (unsigned long pfn = walk_start(first); pfn < end; pfn = next) {
		uint64_t word;
		next = frame_look(pfn, &word);
		if (judge(zone, word) >= least)
			found = pfn;
	}
	return found;
}

unsigned long last_fixed(const struct zone *zone, unsigned long first, unsigned long end)
{
	return last_found(zone, first, end, FOUND_FIXED);
}

unsigned long last_held(const struct zone *zone, unsigned long first, unsigned long end)
{
	return last_found(zone, first, end, FOUND_PINNED);
}

int evacuate(struct zone *zone, unsigned long first, unsigned long end, gfp_t gfp,
	     unsigned long *obstacle)
{
	struct evacuation evacuation = {{take, give}, first, end, gfp};
	unsigned long fixed = last_fixed(zone, first, end), next;
	int error = 0;

	if (fixed < end) { /* before anything is moved in vain */
		*obstacle = fixed;
		return -QUARRY_EBUSY;
	}
	for (unsigned long pfn = walk_start(first); pfn < end; pfn = next) {
		uint64_t word;
		next = frame_look(pfn, &word);
		enum finding finding = judge(zone, word);
		enum migrate_result result = MIGRATE_PINNED;
		if (finding == FOUND_NOTHING)
			continue;
		if (finding == FOUND_MOVABLE)
			result = migrate_block(pfn_to_page(pfn), &evacuation.target, MIGRATE_SYNC);
		if (result == MIGRATE_NO_ROOM)
			return -QUARRY_ENOMEM;
		if (result != MIGRATE_MOVED) {
			*obstacle = pfn;
			error = -QUARRY_EAGAIN;
		}
	}
	return error;
}
