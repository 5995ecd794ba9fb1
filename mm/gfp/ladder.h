/* SPDX-License-Identifier: MIT */
/*
 * ladder.h: which rungs a request may climb when memory is short.
 */
#ifndef QUARRY_MM_GFP_LADDER_H
#define QUARRY_MM_GFP_LADDER_H

#include <quarry/explain.h>

#include "mm/gfp/gfp.h"

/* Rounds of reclaim in a row that may bring nothing before the request goes on (G86: Linux's). */
#define LADDER_FRUITLESS 16u

/* So often a request that may have nobody killed asks and waits a tick while no page at all comes
 * back to its zones: 4 s. By then whoever could free waits for the request's caller. */
#define LADDER_IDLE 1000u

enum ladder_oom {
	OOM_NEVER, /* it fails instead */
	OOM_ASK,   /* somebody is asked to free, nobody is killed: no __GFP_FS (G89) */
	OOM_KILL
};

struct ladder {
	enum gfp_reserve_depth depth; /* how deep it may go at the minimum mark */
	bool wake;		      /* rung: wake kswapd */
	bool compact;		      /* rung: compaction, for orders above 0 */
	bool reclaim;		      /* rung: direct reclaim */
	bool retry;		      /* ... more than one round of it */
	enum ladder_oom oom;	      /* rung: OOM */
	bool forever;		      /* again from the start until it succeeds */
	/* Why the last rung is the last: what the report says if the request fails. */
	enum quarry_fail_reason last;
};

/*
 * The rungs of a mask, as it stands after scopes and stage. `highest`: of its zones. `word`: the
 * task's scopes (scope.h), 0 in an interrupt. `victim`: the task was chosen by an OOM kill.
 */
struct ladder ladder_of(gfp_t gfp, unsigned order, enum zone_type highest, unsigned long word,
			bool victim) QUARRY_INT(ladder_of);

#endif
