/* SPDX-License-Identifier: MIT */
/*
 * contig.c: given frames, by frame number or address, and contiguous runs of any length.
 *
 * A range is isolated, everybody's parked pages are asked back, what is in use is moved away if its
 * owners can (evacuate.c), and when all of it is free it is taken. If that does not succeed, all is
 * as before, but for the places of moved pages.
 *
 * Start at: alloc_contig_range, frames_take.
 */
#include <quarry/mm.h>

#include "mm/base/bits.h"
#include "mm/base/log.h"
#include "mm/page/contig.h"
#include "mm/page/evacuate.h"
#include "mm/reclaim/collect.h"
#include "mm/phys/extent.h"
#include "mm/phys/isolate.h"
#include "mm/phys/pageblock.h"

/* The zone that holds all of [first, end), or NULL. */
static struct zone *zone_of_frames(unsigned long first, unsigned long end)
{
	for_each_populated_zone (zone)
		if (first >= zone->first && end <= zone->end)
			return zone;
	return NULL;
}

#define ROUNDS 8u /* a pin for the time of a copy is gone by then */

static int take_frames(struct zone *zone, unsigned long first, unsigned long end, bool lent,
		       gfp_t gfp)
{
	int error = isolate_begin(zone, first, end, lent);

	if (error)
		return error;
	error = isolate_take(zone, first, end);
	for (unsigned round = 0; error == -QUARRY_EBUSY && round < ROUNDS; round++) {
		collect_all();
		error = evacuate(zone, first, end, gfp);
		if (error == -QUARRY_EAGAIN)
			arch_relax();
		else if (error)
			break;
		error = isolate_take(zone, first, end);
	}
	isolate_end(zone, first, end);
	return error;
}

/* ---- frames of any zone ---- */

struct zone *frame_zone(unsigned long pfn)
{
	for_each_populated_zone (zone) {
		if (pfn < zone->first || pfn >= zone->end)
			continue;
		unsigned long irq = zone_lock(zone);
		bool found =
			pageblock_state(pfn)
				? page_zone_number(compound_head(pfn_to_page(pfn))) == zone->number
				: extent_holds(zone, pfn);
		zone_unlock(zone, irq);
		if (found)
			return zone;
	}
	return NULL;
}

unsigned long frame_run(const struct zone *zone, unsigned long pfn, unsigned long end)
{
	do
		pfn = pageblock_start(pfn) + pageblock_nr_pages;
	while (pfn < end && frame_zone(pfn) == zone);
	return pfn < end ? pfn : end;
}

int frames_take(unsigned long first, unsigned long end)
{
	unsigned long at = first;
	int error = 0;

	while (at < end && !error) {
		struct zone *zone = frame_zone(at);
		unsigned long stop = zone ? frame_run(zone, at, end) : at;
		error = zone ? take_frames(zone, at, stop, false, GFP_KERNEL) : -QUARRY_EINVAL;
		if (!error)
			at = stop;
	}
	if (error)
		free_contig_range(first, at - first);
	return error;
}

/* Frames of a physical range. Return: false if it is empty or wraps. */
static bool frames_of_range(phys_addr_t base, uint64_t size, unsigned long *first,
			    unsigned long *end)
{
	if (!size || base + size - 1 < base)
		return false;
	*first = (unsigned long)(base >> PAGE_SHIFT);
	*end = (unsigned long)((base + size - 1) >> PAGE_SHIFT) + 1;
	return true;
}

int quarry_claim(phys_addr_t base, uint64_t size)
{
	unsigned long first, end;
	int error = -QUARRY_EINVAL;

	if (!gfp_context_ok(GFP_KERNEL)) {
		gfp_context_report(GFP_KERNEL, "quarry_claim",
				   (uintptr_t)__builtin_return_address(0));
		return error;
	}
	if (frames_of_range(base, size, &first, &end))
		error = frames_take(first, end);
	if (error == -QUARRY_EINVAL)
		mm_report(BAD_ARGUMENT, "quarry_claim", NULL, base, size);
	if (!error)
		arch_mem_unpoison(page_address(pfn_to_page(first)), (end - first) << PAGE_SHIFT);
	return error;
}

void quarry_release(phys_addr_t base, uint64_t size)
{
	unsigned long first, end;

	if (!frames_of_range(base, size, &first, &end)) {
		mm_report(BAD_ARGUMENT, "quarry_release", NULL, base, size);
		return;
	}
	for (unsigned long pfn = first; pfn < end; pfn++) {
		const struct page *page = page_if_known(pfn);
		if (page && (page_flags(page) & PAGE_TYPE_MASK) == QUARRY_PAGE_USED)
			continue;
		mm_report(FREE_UNKNOWN, "quarry_release", pfn_to_page(pfn),
			  page ? page_flags(page) : 0, pfn);
		return;
	}
	free_contig_range(first, end - first);
}

/* ---- ranges and runs ---- */

static void zero_frames(unsigned long first, unsigned long end)
{
	for (unsigned long pfn = first; pfn < end; pfn++)
		arch_clear_page(page_address(pfn_to_page(pfn)));
}

int alloc_contig_range(unsigned long start, unsigned long end, unsigned migratetype, gfp_t gfp)
{
	struct zone *zone = start < end ? zone_of_frames(start, end) : NULL;
	uintptr_t caller = (uintptr_t)__builtin_return_address(0);

	if (!gfp_context_ok(gfp) || !gfpflags_allow_blocking(gfp)) {
		gfp_context_report(gfp, "alloc_contig_range", caller);
		return -QUARRY_EINVAL;
	}
	gfp = gfp_legal(gfp, "alloc_contig_range", caller);
	if (!zone || (migratetype != MIGRATE_MOVABLE && migratetype != MIGRATE_CMA)) {
		mm_report(BAD_ARGUMENT, "alloc_contig_range", zone, start, end);
		return -QUARRY_EINVAL;
	}
	int error = take_frames(zone, start, end, migratetype == MIGRATE_CMA, gfp);
	if (error)
		return error;
	arch_mem_unpoison(page_address(pfn_to_page(start)), (end - start) << PAGE_SHIFT);
	if (gfp_has(gfp, __GFP_ZERO))
		zero_frames(start, end);
	return 0;
}

static struct page *find_run(unsigned long nr, gfp_t gfp, unsigned node, unsigned long step)
{
	struct zone *const *place = nodes.order[node][gfp_zone(gfp)];

	for (struct zone *zone; (zone = zone_at(place)); place++) {
		if (gfp_has(gfp, __GFP_THISNODE) && zone->node != node)
			break;
		unsigned long pfn = (unsigned long)align_up(zone->first, step);
		for (; pfn < zone->end && zone->end - pfn >= nr; pfn += step)
			if (evacuation_may_work(zone, pfn, pfn + nr) &&
			    !alloc_contig_range(pfn, pfn + nr, MIGRATE_MOVABLE, gfp))
				return pfn_to_page(pfn);
	}
	return NULL;
}

/* Runs are tried at multiples of their length rounded down to a power of two, at least a pageblock
 * apart. */
struct page *alloc_contig_pages(unsigned long nr, gfp_t gfp, int node)
{
	if (!nr || nr > totalram_pages()) {
		mm_report(SIZE_LIMIT, "alloc_contig_pages", NULL, nr, totalram_pages());
		return NULL;
	}
	unsigned long step = (unsigned long)max_u64(1ull << highest_bit(nr), pageblock_nr_pages);
	unsigned near = node_or_local(node);
	struct page *run = find_run(nr, gfp, near, step);
	if (!run) {
		collect_all();
		run = find_run(nr, gfp, near, step);
	}
	return run;
}

void free_contig_range(unsigned long pfn, unsigned long nr)
{
	for (; nr; nr--, pfn++)
		__free_page(pfn_to_page(pfn));
}
