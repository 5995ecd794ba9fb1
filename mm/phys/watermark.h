/* SPDX-License-Identifier: MIT */
/*
 * watermark.h: how much of a zone must stay free, and for whom.
 *
 * A request succeeds in a zone only while free > floor, with floor = a mark, made smaller by the right to
 * reserves, plus the zone's reserve against requests that could have used a higher zone.
 */
#ifndef QUARRY_MM_PHYS_WATERMARK_H
#define QUARRY_MM_PHYS_WATERMARK_H

#include "mm/phys/zone.h"

/*
 * Pages that must stay free after a request of `highest` zone type with `depth` against `mark` (spec part 0:
 * 640 / 512 / 256 / 192 / 0 for the reference zone of 65 536 pages).
 */
unsigned long watermark_floor(const struct zone *zone, enum zone_mark mark, enum gfp_reserve_depth depth,
			      enum zone_type highest) QUARRY_INT(watermark_floor);

/* Recompute marks and reserves of all zones. After boot, after memory was added, after a tunable changed. */
void watermarks_update(void) QUARRY_INT(watermarks_update);

#endif
