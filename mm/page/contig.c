/* SPDX-License-Identifier: MIT */
/*
 * contig.c: given frames, by frame number or address, and contiguous runs of any length.
 *
 * A range is isolated, everybody's parked pages are asked back, what is in use is moved away if its
 * owners can (evacuate.c), and when all of it is free it is taken. If that does not succeed, all is
 * as before, but for the places of moved pages.
 *
 * A run is looked for in each zone twice: at places a pageblock or more apart, which where memory
 * is free or movable costs a look a pageblock; a run shorter than a pageblock then at all its
 * places, where a pageblock that holds nothing to be had is left at once.
 *
 * Start at: alloc_contig_range, frames_take.
 */
#include <quarry/mm.h>

#include "mm/base/bits.h"
#include "mm/base/log.h"
#include "mm/gfp/context.h"
#include "mm/page/contig.h"
#include "mm/page/evacuate.h"
#include "mm/reclaim/collect.h"
#include "mm/phys/extent.h"
#include "mm/phys/isolate.h"
#include "mm/phys/pageblock.h"

#define ROUNDS 8u /* a pin for the time of a copy is gone by then */

/* Make isolated frames free, and take them. */
static int clear_and_take(struct zone *zone, unsigned long first, unsigned long end, gfp_t gfp,
			  unsigned long *obstacle)
{
	int error = isolate_take(zone, first, end);

	if (!error)
		return 0;
	if (last_fixed(zone, first, end) < end)
		collect_all(); /* it may be an empty slab */
	else
		pcp_drain_all();
	for (unsigned round = 0; error && round < ROUNDS; round++) {
		error = evacuate(zone, first, end, gfp, obstacle);
		if (error == -QUARRY_EAGAIN) {
			arch_relax();
			continue;
		}
		if (error)
			return error;
		error = isolate_take(zone, first, end);
		if (error) /* freed by others meanwhile, and parked */
			pcp_drain_all();
	}
	return error ? -QUARRY_EBUSY : 0;
}

/*
 * Take frames of one zone, of CMA areas or not. Return: as alloc_contig_range(); after -EBUSY
 * `obstacle` is where the last block in the way starts, or 0 if that is not known.
 */
static int take_frames(struct zone *zone, unsigned long first, unsigned long end, bool lent,
		       gfp_t gfp, unsigned long *obstacle)
{
	int error = isolate_begin(zone, first, end, lent);

	*obstacle = 0;
	if (error)
		return error;
	error = clear_and_take(zone, first, end, gfp, obstacle);
	isolate_end(zone, first, end);
	return error;
}

/* ---- frames of any zone ---- */

struct zone *frame_zone(unsigned long pfn)
{
	for_every_populated_zone (zone) {
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
	unsigned long at, obstacle;
	int error = 0;

	/* Nothing is taken from a range that is not all ours. */
	for (at = first; at < end; at = pageblock_start(at) + pageblock_nr_pages)
		if (!frame_zone(at))
			return -QUARRY_EINVAL;
	at = first;
	while (at < end && !error) {
		struct zone *zone = frame_zone(at);
		unsigned long stop = zone ? frame_run(zone, at, end) : at;
		error = zone ? take_frames(zone, at, stop, false, GFP_KERNEL, &obstacle)
			     : -QUARRY_EINVAL;
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

/* Take frames of one zone, readable, zeroed if the mask says so. Return: as take_frames(). */
static int take_range(struct zone *zone, unsigned long start, unsigned long end, bool lent,
		      gfp_t gfp, unsigned long *obstacle)
{
	int error = take_frames(zone, start, end, lent, gfp, obstacle);

	if (error)
		return error;
	arch_mem_unpoison(page_address(pfn_to_page(start)), (end - start) << PAGE_SHIFT);
	if (gfp_has(gfp, __GFP_ZERO))
		zero_frames(start, end);
	return 0;
}

/* May the caller wait, and does the mask make sense? Return: the mask as it counts, 0 if not. */
static gfp_t judge_mask(const char *call, gfp_t gfp, uintptr_t caller)
{
	if (!gfp_context_ok(gfp) || !gfpflags_allow_blocking(gfp)) {
		gfp_context_report(gfp, call, caller);
		return (QUARRY_FORCE gfp_t)0;
	}
	if (!gfp_zones_legal(gfp)) {
		mm_report_at(QUARRY_RULE_BAD_GFP, call, NULL, gfp_bits(gfp), 0, caller);
		return (QUARRY_FORCE gfp_t)0;
	}
	return gfp_in_task(gfp_legal(gfp, call, caller), 0, call, caller);
}

int contig_take(const char *call, unsigned long start, unsigned long end, unsigned migratetype,
		gfp_t gfp, unsigned long *obstacle, uintptr_t caller)
{
	struct zone *zone = start < end ? frame_zone(start) : NULL;
	int error = -QUARRY_EINVAL;

	*obstacle = 0;
	gfp = judge_mask(call, gfp, caller);
	if (!gfp_bits(gfp))
		return error;
	if (zone && (migratetype == MIGRATE_MOVABLE || migratetype == MIGRATE_CMA))
		error = take_range(zone, start, end, migratetype == MIGRATE_CMA, gfp, obstacle);
	if (error == -QUARRY_EINVAL)
		mm_report(BAD_ARGUMENT, call, zone, start, end);
	return error;
}

int alloc_contig_range(unsigned long start, unsigned long end, unsigned migratetype, gfp_t gfp)
{
	unsigned long obstacle;

	return contig_take("alloc_contig_range", start, end, migratetype, gfp, &obstacle,
			   (uintptr_t)__builtin_return_address(0));
}

/* Last frame of a pageblock. */
static unsigned long pageblock_last(unsigned long pfn)
{
	return pageblock_start(pfn) + pageblock_nr_pages - 1;
}

/*
 * Try the places of a zone that are multiples of `step`; an obstacle rules out every place up to
 * it, one without a place all of the pageblock. Closer than pageblocks, there may be very many
 * pages with owners who hold them: no place with such a one is tried.
 */
static struct page *find_run_at(struct zone *zone, unsigned long nr, gfp_t gfp, unsigned long step)
{
	unsigned long pfn = (unsigned long)align_up(zone->first, step);

	while (pfn < zone->end && zone->end - pfn >= nr) {
		unsigned long obstacle = step < pageblock_nr_pages
						 ? last_held(zone, pfn, pfn + nr)
						 : last_fixed(zone, pfn, pfn + nr);
		if (obstacle == pfn + nr && !take_range(zone, pfn, pfn + nr, false, gfp, &obstacle))
			return pfn_to_page(pfn);
		if (!obstacle)
			obstacle = pageblock_last(pfn);
		pfn = (unsigned long)max_u64(pfn + step, align_up(obstacle + 1, step));
	}
	return NULL;
}

static struct page *find_run_in(struct zone *zone, unsigned long nr, gfp_t gfp)
{
	unsigned long step = 1ul << highest_bit(nr);
	struct page *run = NULL;

	if (step < pageblock_nr_pages)
		run = find_run_at(zone, nr, gfp, pageblock_nr_pages);
	return run ? run : find_run_at(zone, nr, gfp, step);
}

static struct page *find_run(unsigned long nr, gfp_t gfp, unsigned node)
{
	struct zone *const *place = nodes.order[node][gfp_zone(gfp)];
	struct page *run = NULL;

	for (struct zone *zone; !run && (zone = zone_at(place)); place++) {
		if (gfp_has(gfp, __GFP_THISNODE) && zone->node != node)
			break;
		run = find_run_in(zone, nr, gfp);
	}
	return run;
}

struct page *alloc_contig_pages(unsigned long nr, gfp_t gfp, int node)
{
	const uintptr_t caller = (uintptr_t)__builtin_return_address(0);

	gfp = judge_mask("alloc_contig_pages", gfp, caller);
	if (!gfp_bits(gfp))
		return NULL;
	if (!nr || nr > totalram_pages()) {
		mm_report(SIZE_LIMIT, "alloc_contig_pages", NULL, nr, totalram_pages());
		return NULL;
	}
	if (node >= QUARRY_MAX_NODES) {
		mm_report(BAD_ARGUMENT, "alloc_contig_pages", NULL, node, QUARRY_MAX_NODES);
		return NULL;
	}
	unsigned near = node_or_local(node);
	struct page *run = find_run(nr, gfp, near);
	if (!run) {
		collect_all();
		run = find_run(nr, gfp, near);
	}
	if (!run && !gfp_has(gfp, __GFP_NOWARN))
		mm_report_at(QUARRY_RULE_NO_MEMORY, "alloc_contig_pages", NULL, nr, gfp_bits(gfp),
			     caller);
	return run;
}

void free_contig_range(unsigned long pfn, unsigned long nr)
{
	for (; nr; nr--, pfn++)
		__free_page(pfn_to_page(pfn));
}
