/* SPDX-License-Identifier: MIT */
/*
 * evacuate.h: moving what is in use out of given frames.
 */
#ifndef QUARRY_MM_PAGE_EVACUATE_H
#define QUARRY_MM_PAGE_EVACUATE_H

#include "mm/phys/zone.h"

/*
 * Move every movable block that touches frames [first, end) away; the new places are asked for with
 * the reclaim bits of `gfp`. The pageblocks are isolated.
 * Context: task, may sleep. Return: 0: nothing is in use there, as far as could be seen; -EAGAIN:
 * something is that may be gone soon; -EBUSY: something that cannot be moved; -ENOMEM: no room.
 */
int evacuate(struct zone *zone, unsigned long first, unsigned long end, gfp_t gfp)
	QUARRY_INT(evacuate);

/* Is there nothing in [first, end) that evacuate() would fail for at once? A look, without a lock,
 * at each block. Context: any. */
bool evacuation_may_work(const struct zone *zone, unsigned long first, unsigned long end)
	QUARRY_INT(evacuation_may_work);

#endif
