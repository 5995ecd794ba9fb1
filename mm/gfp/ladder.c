/* SPDX-License-Identifier: MIT */
/*
 * ladder.c: the rungs of each mask.
 *
 * A request that found no zone above its low mark climbs; mm/page/slowpath.c does what stands here.
 *
 *   rung      who climbs it                              what
 *   wake      __GFP_KSWAPD_RECLAIM                       background reclaim of its nodes
 *   reserve   everybody                                  down to the minimum mark, or further:
 *               __GFP_HIGH, or a victim                    to half of it
 *               __GFP_HIGH without direct reclaim          to 3/8 of it
 *               __GFP_MEMALLOC, or a noreclaim scope       to the last page
 *               (__GFP_NOMEMALLOC: none of these)
 *   compact   __GFP_DIRECT_RECLAIM and an order above 0  move pages together
 *   reclaim   __GFP_DIRECT_RECLAIM, and not in a         one round, then collect what lies in
 *             noreclaim scope                            stocks
 *   retry     not __GFP_NORETRY; above order 3 only      while rounds bring pages, and up to 16 in
 *             __GFP_RETRY_MAYFAIL                        a row that bring none, if reclaiming
 *                                                        everything could help
 *   oom       not __GFP_RETRY_MAYFAIL, __GFP_THISNODE,   ask for a kill; without __GFP_FS nobody is
 *             order > 3, zones below NORMAL, a victim    killed, and no page that comes back for
 *                                                        1000 waits is the end; then retry
 *   forever   __GFP_NOFAIL that may sleep                half of the reserve, wait, start anew
 *
 * The function is pure, so docs/gfp.md and gfp_explain() show what the allocator does, not what
 * somebody thought it does.
 *
 * Start at: ladder_of.
 */
#include "mm/gfp/ladder.h"

#include "mm/gfp/scope.h"

static enum gfp_reserve_depth depth_of(gfp_t gfp, unsigned long word, bool victim)
{
	enum gfp_reserve_depth depth = gfp_reserve(gfp);

	if (gfp_has(gfp, __GFP_NOMEMALLOC)) /* wins over what the task is (G79) */
		return depth;
	if (word & PF_MEMALLOC)
		return RESERVE_ALL;
	return victim && depth < RESERVE_HIGH ? RESERVE_HIGH : depth;
}

/* Why a request that may reclaim again and again may not ask for a kill; NONE if it may. */
static enum quarry_fail_reason oom_forbidden(gfp_t gfp, unsigned order, enum zone_type highest,
					     bool victim)
{
	if (gfp_has(gfp, __GFP_RETRY_MAYFAIL))
		return QUARRY_FAIL_MAYFAIL;
	if (gfp_has(gfp, __GFP_THISNODE))
		return QUARRY_FAIL_THISNODE;
	if (order > PAGE_ALLOC_COSTLY_ORDER)
		return QUARRY_FAIL_COSTLY;
	if (highest < ZONE_NORMAL)
		return QUARRY_FAIL_LOW_ZONE;
	return victim ? QUARRY_FAIL_VICTIM : QUARRY_FAIL_NONE;
}

struct ladder ladder_of(gfp_t gfp, unsigned order, enum zone_type highest, unsigned long word,
			bool victim)
{
	bool costly = order > PAGE_ALLOC_COSTLY_ORDER;
	struct ladder ladder = {
		.depth = depth_of(gfp, word, victim),
		.wake = gfp_has(gfp, __GFP_KSWAPD_RECLAIM),
		.forever = gfp_has(gfp, __GFP_NOFAIL) && gfpflags_allow_blocking(gfp),
		.oom = OOM_NEVER,
	};

	if (!gfpflags_allow_blocking(gfp)) {
		ladder.last = gfp_has(gfp, __GFP_NOFAIL) ? QUARRY_FAIL_NOFAIL
							 : QUARRY_FAIL_NO_RECLAIM;
		return ladder;
	}
	if (word & PF_MEMALLOC) {
		ladder.last = QUARRY_FAIL_IN_RECLAIM;
		return ladder;
	}
	ladder.reclaim = true;
	ladder.compact = order > 0;
	if (gfp_has(gfp, __GFP_NORETRY)) {
		ladder.last = QUARRY_FAIL_NORETRY;
		return ladder;
	}
	if (costly && !gfp_has(gfp, __GFP_RETRY_MAYFAIL)) {
		ladder.last = QUARRY_FAIL_COSTLY;
		return ladder;
	}
	ladder.retry = true;
	ladder.last = oom_forbidden(gfp, order, highest, victim);
	if (ladder.last == QUARRY_FAIL_NONE) {
		ladder.oom = gfp_has(gfp, __GFP_FS) ? OOM_KILL : OOM_ASK;
		ladder.last = QUARRY_FAIL_OOM;
	}
	return ladder;
}
