/* SPDX-License-Identifier: MIT */
/*
 * retire.h: frames that stop being memory of ours, the opposite of buddy_feed().
 */
#ifndef QUARRY_MM_PHYS_RETIRE_H
#define QUARRY_MM_PHYS_RETIRE_H

#include "mm/phys/zone.h"

/*
 * Frames [first, end) of the zone, each a USED single page of the caller's, become holes.
 * Pageblocks inside the range are untouched again. Locks inside, one pageblock at a time.
 */
void frames_retire(struct zone *zone, unsigned long first, unsigned long end)
	QUARRY_INT(frames_retire);

#endif
