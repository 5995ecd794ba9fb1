/* SPDX-License-Identifier: MIT */
/*
 * extent.h: runs of maximum-order blocks that were never handed out. The zone's lock is held in all
 * functions.
 */
#ifndef QUARRY_MM_PHYS_EXTENT_H
#define QUARRY_MM_PHYS_EXTENT_H

#include "mm/phys/zone.h"

/* Frames [first, end), multiples of the largest block, become an extent: free, but in no list. */
void extent_add(struct zone *zone, unsigned long first, unsigned long end) QUARRY_INT(extent_add);

/* Move one block from the extents to the caller; its pageblocks get mobility `type`. Return: its
 * head, or NULL. */
struct page *extent_take(struct zone *zone, unsigned type) QUARRY_INT(extent_take);

/* Does the frame lie in an extent of the zone? */
bool extent_holds(const struct zone *zone, unsigned long pfn) QUARRY_INT(extent_holds);

/* If the maximum-order block that holds `pfn` lies in an extent, move it to the free lists. */
void extent_open(struct zone *zone, unsigned long pfn) QUARRY_INT(extent_open);

#endif
