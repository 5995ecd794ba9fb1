/* SPDX-License-Identifier: MIT */
/*
 * isolate.h: taking given frames, in three steps: isolate their pageblocks, take, release.
 */
#ifndef QUARRY_MM_PHYS_ISOLATE_H
#define QUARRY_MM_PHYS_ISOLATE_H

#include "mm/phys/zone.h"

/*
 * Keep the free pages of every pageblock that frames [first, end) touch from being handed out; what
 * is freed there meanwhile is kept too. The frames must be of one zone, and all of CMA areas if
 * `lent`, else none. Locks inside.
 * Return: 0; -EINVAL if a frame is not ours; -EBUSY if a pageblock is isolated already, or somebody
 * else's (nothing is isolated then).
 */
int isolate_begin(struct zone *zone, unsigned long first, unsigned long end, bool lent)
	QUARRY_INT(isolate_begin);

/*
 * If all of [first, end) is free, take it: every frame becomes a USED single page with one
 * reference.
 * Return: 0, -EBUSY (nothing taken).
 */
int isolate_take(struct zone *zone, unsigned long first, unsigned long end)
	QUARRY_INT(isolate_take);

/*
 * Frames [first, end), whole pageblocks all of whose pages the caller has, become part of a CMA
 * area: what is freed there serves movable requests only. Or (`lent` false) ordinary again.
 */
void pageblocks_lend(struct zone *zone, unsigned long first, unsigned long end, bool lent)
	QUARRY_INT(pageblocks_lend);

/* End what isolate_begin() began. */
void isolate_end(struct zone *zone, unsigned long first, unsigned long end) QUARRY_INT(isolate_end);

#endif
