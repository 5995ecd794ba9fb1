/* SPDX-License-Identifier: MIT */
/*
 * context.h: the context lint: requests that would go wrong one day, told today (spec G23, G46).
 *
 * A finding is reported once a place and mask: a driver that is wrong in a loop makes one report.
 */
#ifndef QUARRY_MM_GFP_CONTEXT_H
#define QUARRY_MM_GFP_CONTEXT_H

#include "mm/base/log.h"
#include "mm/gfp/scope.h"

/* Report `rule` unless the same was reported for this place and mask before. */
void lint_report(enum quarry_rule rule, const char *call, gfp_t gfp, unsigned long detail,
		 uintptr_t caller) QUARRY_INT(lint_report) QUARRY_COLD;
/* Forget what was reported. */
void lint_forget(void) QUARRY_INT(lint_forget);

/* Could a request that may do `gfp` enter reclaim that takes a lock which the task holds? */
static inline bool gfp_reenters(gfp_t gfp, unsigned long word)
{
	if (likely(!(word >> SCOPE_FS_SHIFT & (SCOPE_HELD_MAX | SCOPE_HELD_MAX << 4))))
		return false;
	return gfpflags_allow_blocking(gfp) && !(word & PF_MEMALLOC) &&
	       ((scope_fs_held(word) && gfp_has(gfp, __GFP_FS)) ||
		(scope_io_held(word) && gfp_has(gfp, __GFP_IO)));
}

/* Can __GFP_NOFAIL not be promised here, or not for that much? */
static inline bool gfp_nofail_misused(gfp_t gfp, unsigned order, unsigned long word)
{
	return unlikely(gfp_has(gfp, __GFP_NOFAIL)) &&
	       (order > 1 || !gfpflags_allow_blocking(gfp) || word & SCOPE_IN_RECLAIM);
}

/*
 * The task's scopes applied to a mask, and the lint of what is left of it: locks that reclaim
 * takes, __GFP_NOFAIL where it cannot be promised.
 */
gfp_t gfp_in_task(gfp_t gfp, unsigned order, const char *call, uintptr_t caller)
	QUARRY_INT(gfp_in_task);

#endif
