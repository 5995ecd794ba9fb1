/* SPDX-License-Identifier: MIT */
/*
 * compact.h: when a zone is compacted, for requests and in the background.
 */
#ifndef QUARRY_MM_RECLAIM_COMPACT_H
#define QUARRY_MM_RECLAIM_COMPACT_H

#include <quarry/compaction.h>

#include "mm/phys/freepage.h"

/* How hard a request tries. */
enum compact_priority {
	COMPACT_PRIO_FULL,  /* also where it failed lately, and owners may wait for devices */
	COMPACT_PRIO_LIGHT, /* owners may wait */
	COMPACT_PRIO_ASYNC, /* owners do not wait */
};

/*
 * Compact the zones of a request, best first, until one has a block of its order; the caller then
 * tries to take it. Requests of single pages and those that may not start IO are skipped (owners
 * may write pages out to move them).
 * Context: task, no lock held; may sleep. Return: the best result of all zones.
 */
enum compact_result compact_zones_for(const struct page_request *request,
				      enum compact_priority priority) QUARRY_INT(compact_zones_for);
/* A request got a block of `order` from the zone: it is no longer deferred for that order. */
void compact_succeeded(const struct zone *zone, unsigned order) QUARRY_INT(compact_succeeded);

/* Would compaction of this zone help a request, as its free memory stands? CONTINUE: yes.
 * SUCCESS: it is not needed. Context: any but NMI; takes the zone's lock. */
enum compact_result compaction_suitable(struct zone *zone, unsigned order, enum zone_type highest)
	QUARRY_INT(compaction_suitable);

/*
 * Large blocks ran out on a node: its compaction thread shall see to it.
 * Context: any but NMI, no lock held; coalesces, does not sleep.
 */
void wakeup_kcompactd(unsigned node, unsigned order, enum zone_type highest)
	QUARRY_INT(wakeup_kcompactd);

/* Events since boot; frames where it says scanned. */
struct compact_stat {
	unsigned long migrate_scanned, free_scanned, stall, fail, success;
	unsigned long daemon_wake, daemon_migrate_scanned, daemon_free_scanned;
};
struct compact_stat compact_stat(void) QUARRY_INT(compact_stat);
void compact_init(void) QUARRY_INT(compact_init);

#endif
