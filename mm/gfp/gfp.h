/* SPDX-License-Identifier: MIT */
/*
 * gfp.h: what a request mask comes to: legal bits, boot stage, context, depth of reserves.
 *
 * Order at a request's entry: gfp_context_ok (may the caller sleep), gfp_legal (bits, stage),
 * gfp_in_task (the task's scopes, context.h), then gfp_reserve when a watermark is tested.
 */
#ifndef QUARRY_MM_GFP_GFP_H
#define QUARRY_MM_GFP_GFP_H

#include <quarry/gfp.h>

#include "mm/base/cpu.h"

#define gfp_has(gfp, bits) (((gfp) & (bits)) != (QUARRY_FORCE gfp_t)0)
#define gfp_bits(gfp) ((QUARRY_FORCE unsigned)(gfp))

/* How deep below the minimum mark a request may go; a table row of watermark.c. */
enum gfp_reserve_depth {
	RESERVE_NONE,	/* down to min */
	RESERVE_HIGH,	/* __GFP_HIGH that can reclaim: half of min */
	RESERVE_ATOMIC, /* __GFP_HIGH that cannot reclaim: 3/8 of min */
	RESERVE_ALL,	/* __GFP_MEMALLOC: everything */
	NR_RESERVE_DEPTHS
};
static inline enum gfp_reserve_depth gfp_reserve(gfp_t gfp)
{
	if (gfp_has(gfp, __GFP_MEMALLOC) && !gfp_has(gfp, __GFP_NOMEMALLOC))
		return RESERVE_ALL;
	if (!gfp_has(gfp, __GFP_HIGH))
		return RESERVE_NONE;
	/* A caller that cannot reclaim has no other way out, so it goes deeper (spec D2). */
	return gfpflags_allow_blocking(gfp) ? RESERVE_HIGH : RESERVE_ATOMIC;
}

/* Is the combination of zone bits one of the eight legal ones? */
static inline bool gfp_zones_legal(gfp_t gfp)
{
	return !(QUARRY_ZONE_ILLEGAL >> gfp_bits(gfp & GFP_ZONEMASK) & 1u);
}

/* The mask without unknown bits, illegal zone combinations and mobility pairs (G11, G17). */
gfp_t gfp_known(gfp_t gfp) QUARRY_INT(gfp_known);
/* That, and what the stage allows; what made no sense is reported. */
gfp_t gfp_legal(gfp_t gfp, const char *call, uintptr_t caller) QUARRY_INT(gfp_legal);

/* May a request with this mask be made here? One test and one hook on the fast path. */
static inline bool gfp_context_ok(gfp_t gfp)
{
#if QUARRY_CONTEXT_LINT
	return likely(cpu_context() == 0) || !gfp_has(gfp, __GFP_DIRECT_RECLAIM);
#else
	(void)gfp;
	return true;
#endif
}

/*
 * The answer to gfp_context_ok() was no: report it (once a place and mask, not with
 * __GFP_NOLOCKDEP, not before sleeping works) and return the mask of a request that cannot sleep,
 * so that the caller can go on (G23).
 */
gfp_t gfp_context_report(gfp_t gfp, const char *call, uintptr_t caller)
	QUARRY_INT(gfp_context_report) QUARRY_COLD;

/* "GFP_KERNEL|__GFP_ZERO" into buf. */
void gfp_name(gfp_t gfp, char *buf, unsigned size) QUARRY_INT(gfp_name);

void gfp_init(void) QUARRY_INT(gfp_init);
/* The OS can sleep from now on. */
void gfp_allow_sleep(void) QUARRY_INT(gfp_allow_sleep);

#endif
