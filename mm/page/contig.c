/* SPDX-License-Identifier: MIT */
/*
 * contig.c: given frames, and contiguous runs of any length.
 *
 * A range is isolated, everybody's parked pages are asked back, and if all of it is free it is taken. Pages in use make it fail:
 * nothing is moved.
 *
 * Start at: alloc_contig_range.
 */
#include <quarry/mm.h>

#include "mm/base/bits.h"
#include "mm/base/log.h"
#include "mm/page/slowpath.h"
#include "mm/phys/isolate.h"

/* The zone that holds all of [first, end), or NULL. */
static struct zone *zone_of_frames(unsigned long first, unsigned long end)
{
	for_each_populated_zone(zone)
		if (first >= zone->first && end <= zone->end)
			return zone;
	return NULL;
}

static int take_frames(struct zone *zone, unsigned long first, unsigned long end)
{
	int error = isolate_begin(zone, first, end);

	if (error)
		return error;
	error = isolate_take(zone, first, end);
	if (error) {
		slowpath_collect();
		error = isolate_take(zone, first, end);
	}
	isolate_end(zone, first, end);
	return error;
}

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
	if (!zone || migratetype != MIGRATE_MOVABLE) {
		mm_report(BAD_ARGUMENT, "alloc_contig_range", zone, start, end);
		return -QUARRY_EINVAL;
	}
	int error = take_frames(zone, start, end);
	if (error)
		return error;
	arch_mem_unpoison(page_address(pfn_to_page(start)), (end - start) << PAGE_SHIFT);
	if (gfp_has(gfp, __GFP_ZERO))
		zero_frames(start, end);
	return 0;
}

/* Runs are tried at multiples of their length rounded down to a power of two, at least a pageblock apart. */
struct page *alloc_contig_pages(unsigned long nr, gfp_t gfp, int node)
{
	if (!nr || nr > totalram_pages()) {
		mm_report(SIZE_LIMIT, "alloc_contig_pages", NULL, nr, totalram_pages());
		return NULL;
	}
	unsigned long step = (unsigned long)max_u64(1ull << highest_bit(nr), pageblock_nr_pages);
	struct zone *const *zone = nodes.order[node_or_local(node)][gfp_zone(gfp)];
	for (; *zone; zone++) {
		if (gfp_has(gfp, __GFP_THISNODE) && (*zone)->node != node_or_local(node))
			break;
		unsigned long pfn = (unsigned long)align_up((*zone)->first, step);
		for (; pfn < (*zone)->end && (*zone)->end - pfn >= nr; pfn += step)
			if (!alloc_contig_range(pfn, pfn + nr, MIGRATE_MOVABLE, gfp))
				return pfn_to_page(pfn);
	}
	return NULL;
}

void free_contig_range(unsigned long pfn, unsigned long nr)
{
	for (; nr; nr--, pfn++)
		__free_page(pfn_to_page(pfn));
}
