/* SPDX-License-Identifier: MIT */
/* zone_check.h: the validator of zones, free lists, extents and pageblocks. */
#ifndef QUARRY_MM_PHYS_ZONE_CHECK_H
#define QUARRY_MM_PHYS_ZONE_CHECK_H

#include "mm/phys/zone.h"

/* Frames of one zone by the kind of their block, as a walk of the pageblocks finds them. */
struct zone_census {
	unsigned long pages[QUARRY_NR_PAGE_KINDS];
	unsigned long broken; /* places where no block could be recognised */
};

/* Count the frames of a zone; broken places are reported. The zone's lock is held. */
void zone_count(const struct zone *zone, struct zone_census *census) QUARRY_INT(zone_count);

/*
 * Check the invariants of every zone and pageblock.
 * Context: any but NMI, no lock held; takes each zone's lock in turn, for the whole walk.
 * Return: the number of broken invariants, each reported.
 */
unsigned long zone_check(void) QUARRY_INT(zone_check);

#endif
