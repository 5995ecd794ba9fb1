/* SPDX-License-Identifier: MIT */
/*
 * reclaim.h: a round of reclaim: every owner is asked to give something up.
 */
#ifndef QUARRY_MM_RECLAIM_RECLAIM_H
#define QUARRY_MM_RECLAIM_RECLAIM_H

#include "mm/base/log.h"
#include "mm/phys/freepage.h"
#include "mm/reclaim/shrinker.h"

/* Pages and objects that owners said they freed or could free, by whom. */
struct reclaim_count {
	unsigned long rounds, asked, freed;
};
enum reclaimer { RECLAIM_DIRECT, RECLAIM_KSWAPD, NR_RECLAIMERS };

/*
 * Ask the OS and all shrinkers to free for `node`, once, at `priority`.
 * Context: task, in a round of reclaim (scope_enter_reclaim), no lock.
 */
struct shrink_result reclaim_node(unsigned node, const struct quarry_reclaim *want,
				  unsigned priority, enum reclaimer who) QUARRY_INT(reclaim_node);

/*
 * The direct reclaim of a request that may go down to `depth`: all nodes that it may use, harder
 * and harder until what it lacks, and a little more, was freed (G22). Not to be entered from inside
 * reclaim.
 * Context: task, may sleep, no lock. Return: .freed in pages that came back to those zones.
 */
struct shrink_result reclaim_round(const struct page_request *request, enum gfp_reserve_depth depth)
	QUARRY_INT(reclaim_round);

/* Pages that the zone nearest to serving the request lacks for that; 0: one has enough. */
unsigned long reclaim_lacking(const struct page_request *request, enum gfp_reserve_depth depth)
	QUARRY_INT(reclaim_lacking);

/* Pages that anybody ever gave back to the zones of a request; wraps round. */
unsigned long reclaim_given(const struct page_request *request) QUARRY_INT(reclaim_given);

struct reclaim_count reclaim_counted(enum reclaimer who) QUARRY_INT(reclaim_counted);
/* A daemon's step, or a call like it, is for a node that can be and in a task: is it? Reports. */
bool reclaim_may_step(const char *call, unsigned node, uintptr_t caller)
	QUARRY_INT(reclaim_may_step);
void reclaim_init(void) QUARRY_INT(reclaim_init);

#endif
