/* SPDX-License-Identifier: MIT */
/*
 * shrinker.h: asking the registered shrinkers.
 */
#ifndef QUARRY_MM_RECLAIM_SHRINKER_H
#define QUARRY_MM_RECLAIM_SHRINKER_H

#include <quarry/shrinker.h>

#include "mm/gfp/scope.h"

#define RECLAIM_PRIORITY 12 /* the first, gentlest ask: a 4096th of what there is (Linux's) */

/* What owners say: freed now, and still there to be freed. Objects count as pages: an upper bound,
 * which is what "could reclaiming everything help" needs. */
struct shrink_result {
	unsigned long freed, left;
};

/* Ask every shrinker once. Context: task, in a round of reclaim (scope_enter_reclaim), no lock. */
struct shrink_result shrink_all(gfp_t gfp, unsigned node, unsigned priority)
	QUARRY_INT(shrink_all);
/* Objects that shrinkers were asked to look at since the start. */
unsigned long shrinkers_scanned(void) QUARRY_INT(shrinkers_scanned);
void shrinkers_init(void) QUARRY_INT(shrinkers_init);

#endif
