/* SPDX-License-Identifier: MIT */
/*
 * compact_zone.h: one run of the two scanners over one zone.
 */
#ifndef QUARRY_MM_RECLAIM_COMPACT_ZONE_H
#define QUARRY_MM_RECLAIM_COMPACT_ZONE_H

#include <quarry/compaction.h>

#include "mm/phys/capture.h"
#include "mm/reclaim/migrate.h"

#define COMPACT_WHOLE (NR_PAGE_ORDERS) /* no order is wanted: go on until the scanners meet */

struct compact_run {
	/* The caller's: */
	struct zone *zone;
	unsigned order; /* wanted, or COMPACT_WHOLE */
	enum migrate_mode mode;
	unsigned long budget; /* frames to look at, at most */
	bool anew;	      /* from the zone's ends, not from where the last run stopped */
	/* Figures for the caller: */
	unsigned long migrate_scanned, free_scanned; /* frames */
	/* The run's: */
	struct migrate_target target;
	struct capture capture;
	unsigned long migrate_pfn; /* all chunks below were dealt with */
	unsigned long free_pfn;	   /* pageblock that free blocks are captured from ... */
	unsigned long free_at;	   /* ... and how far */
	bool starved;		   /* too little is free to go on */
};

/*
 * Context: task, no lock held; may sleep if the mode and the owners say so.
 * Return: SUCCESS, COMPLETE, PARTIAL_SKIPPED (budget), NO_SUITABLE_PAGE, CONTENDED.
 */
enum compact_result compact_zone(struct compact_run *run) QUARRY_INT(compact_zone);

void compact_zone_init(void) QUARRY_INT(compact_zone_init);

#endif
