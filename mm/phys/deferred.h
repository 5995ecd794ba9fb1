/* SPDX-License-Identifier: MIT */
/*
 * deferred.h: blocks that were freed where no lock could be had (nolock.h), on their way home.
 *
 * They are PARKED, chained through lru.next from zone->deferred, and counted in
 * zone->deferred_pages; pcp_parked() counts them too. Invariant (zone_check I12): deferred_pages ==
 * pages of the chain.
 *
 * Anybody may push, by compare and exchange; only a holder of the zone's lock takes, and always the
 * whole chain. So a pusher that finds the head it expected may link to it, whatever happened
 * in between.
 */
#ifndef QUARRY_MM_PHYS_DEFERRED_H
#define QUARRY_MM_PHYS_DEFERRED_H

#include "mm/phys/zone.h"

/* Leave a PARKED block for the next collector. Context: any. */
void deferred_push(struct zone *zone, struct page *head) QUARRY_INT(deferred_push);

/* Give all of them to the buddy. The zone's lock is held. */
void deferred_give_all(struct zone *zone) QUARRY_INT(deferred_give_all);

static inline bool zone_has_deferred(const struct zone *zone)
{
	return __atomic_load_n(&zone->deferred, __ATOMIC_RELAXED) != 0;
}
/* Bring home what waits, usually nothing. The zone's lock is held. */
static inline void deferred_collect(struct zone *zone)
{
	if (unlikely(zone_has_deferred(zone)))
		deferred_give_all(zone);
}

#endif
