/* SPDX-License-Identifier: MIT */
/*
 * watermark.h: how much of a zone must stay free, and for whom.
 *
 * A request succeeds in a zone only while free > floor, with floor = a mark, made smaller by the
 * right to reserves, plus the zone's reserve against requests that could have used a higher zone.
 */
#ifndef QUARRY_MM_PHYS_WATERMARK_H
#define QUARRY_MM_PHYS_WATERMARK_H

#include <quarry/tunables.h>

#include "mm/phys/zone.h"

/*
 * Pages that must stay free after a request of `highest` zone type with `depth` against `mark`
 * (spec part 0:
 * 640 / 512 / 256 / 192 / 0 for the reference zone of 65 536 pages).
 */
static inline unsigned long watermark_floor(const struct zone *zone, enum zone_mark mark,
					    enum gfp_reserve_depth depth, enum zone_type highest)
{
	unsigned long floor = __atomic_load_n(&zone->mark[mark], __ATOMIC_RELAXED);

	if (mark != MARK_MIN)
		floor += __atomic_load_n(&zone->boost, __ATOMIC_RELAXED);
	if (depth == RESERVE_ALL)
		return 0;
	if (depth != RESERVE_NONE)
		floor -= floor / 2;
	if (depth == RESERVE_ATOMIC)
		floor -= floor / 4;
	return floor + __atomic_load_n(&zone->reserve[highest], __ATOMIC_RELAXED);
}

/*
 * Free pages that are not for everybody, to be added to a floor: of CMA areas, unless the request
 * is movable (`lent`); of the reserve of atomic requests, unless it may use that (`atomic`).
 */
static inline unsigned long zone_kept(const struct zone *zone, bool lent, bool atomic)
{
	unsigned long kept = 0;

	if (!lent)
		kept = __atomic_load_n(&zone->lent_free, __ATOMIC_RELAXED);
	if (!atomic)
		kept += __atomic_load_n(&zone->atomic_free, __ATOMIC_RELAXED);
	return kept;
}

/* Back to the defaults; before the first watermarks_update(). */
void watermarks_init(void) QUARRY_INT(watermarks_init);
/* What is in force. */
const struct quarry_tunables *watermarks_tunables(void) QUARRY_INT(watermarks_tunables);
/* Take over and recompute. Return: false if a value is out of range. */
bool watermarks_tune(const struct quarry_tunables *new) QUARRY_INT(watermarks_tune);

/* Recompute marks and reserves of all zones. After boot, after memory was added, after a tunable
 * changed. */
void watermarks_update(void) QUARRY_INT(watermarks_update);

#endif
