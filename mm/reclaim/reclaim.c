/* SPDX-License-Identifier: MIT */
/*
 * reclaim.c: one round of reclaim.
 *
 * A round starts gently (a 4096th of what owners have) and doubles its ask until as many pages came
 * as are wanted, or everything was asked for. Owners count objects; what counts as progress is
 * pages
 * that came back to the zones, or a cache of small objects would end a round that frees no page. A
 * round runs in a noreclaim scope: a request that an owner
 * makes meanwhile takes from the reserves and starts no round of its own (G106), so the depth is
 * one and the stack is bounded.
 *
 * Locking  none of ours is held while owners are called.
 * Start at: reclaim_round.
 */
#include "mm/reclaim/reclaim.h"

#include "mm/base/assert.h"
#include "mm/base/bits.h"
#include "mm/reclaim/collect.h"

#define WANTED 32ul /* pages beyond what the request lacks: it rarely comes alone */

static QUARRY_STATE struct reclaim_count counts[NR_RECLAIMERS];

static unsigned long os_reclaimable(unsigned node)
{
	return mm_ops.reclaimable ? mm_ops.reclaimable(node) : 0;
}

struct shrink_result reclaim_node(unsigned node, const struct quarry_reclaim *want,
				  unsigned priority, enum reclaimer who)
{
	struct shrink_result result = {0, 0};
	struct quarry_reclaim ask = *want;
	unsigned long pages = os_reclaimable(node);

	ask.node = node;
	/* A share of the OS's pages as of the shrinkers', but never less than is wanted. */
	ask.nr = (unsigned long)max_u64(want->nr, pages >> priority);
	if (pages && mm_ops.reclaim) {
		__atomic_fetch_add(&counts[who].asked, ask.nr, __ATOMIC_RELAXED);
		result.freed = mm_ops.reclaim(&ask);
		result.left = os_reclaimable(node);
	}
	struct shrink_result objects = shrink_all(want->gfp, node, priority);
	result.freed += objects.freed;
	result.left += objects.left;
	__atomic_fetch_add(&counts[who].freed, result.freed, __ATOMIC_RELAXED);
	return result;
}

/* Every node of the request's list, once. */
static struct shrink_result ask_nodes(const struct page_request *request,
				      const struct quarry_reclaim *want, unsigned priority)
{
	struct shrink_result sum = {0, 0};
	uint64_t seen = 0;

	for_each_zone_of (zone, request) {
		if (seen >> zone->node & 1)
			continue;
		seen |= 1ull << zone->node;
		struct shrink_result one = reclaim_node(zone->node, want, priority, RECLAIM_DIRECT);
		sum.freed += one.freed;
		sum.left += one.left;
	}
	return sum;
}

unsigned long reclaim_given(const struct page_request *request)
{
	unsigned long given = 0;

	for_each_zone_of (zone, request)
		given += zone_traffic(zone).given;
	return given;
}

unsigned long reclaim_lacking(const struct page_request *request, enum gfp_reserve_depth depth)
{
	unsigned long least = ~0ul;

	for_each_zone_of (zone, request) {
		unsigned long need =
			(1ul << request->order) + freepage_floor(zone, request, MARK_MIN, depth);
		unsigned long free = zone_free(zone);
		least = (unsigned long)min_u64(least, free < need ? need - free : 0);
	}
	return least == ~0ul ? 0 : least;
}

struct shrink_result reclaim_round(const struct page_request *request, enum gfp_reserve_depth depth)
{
	struct quarry_reclaim want = {
		.gfp = request->gfp,
		.order = request->order,
		.highest = (unsigned)request->highest,
		.nr = WANTED + reclaim_lacking(request, depth),
	};
	struct shrink_result sum = {0, 0};
	unsigned long before = reclaim_given(request), pages = 0, collected = 0;

	/* Our locks mask interrupts, so this finds any that is still held. */
	MM_ASSERT(!cpu_context() && !scope_in_reclaim());
	unsigned scope = scope_enter_reclaim();
	__atomic_fetch_add(&counts[RECLAIM_DIRECT].rounds, 1ul, __ATOMIC_RELAXED);
	for (unsigned priority = RECLAIM_PRIORITY + 1; priority-- > 0 && pages < want.nr;) {
		struct shrink_result one = ask_nodes(request, &want, priority);
		sum.freed += one.freed;
		sum.left = one.left;
		pages = reclaim_given(request) - before;
		if (pages < want.nr && sum.freed - collected >= want.nr) {
			collect_all(); /* the objects lie in stocks and empty slabs */
			collected = sum.freed;
			pages = reclaim_given(request) - before;
		}
		if (!one.left)
			break;
	}
	scope_leave_reclaim(scope);
	sum.freed = sum.freed ? pages : 0; /* if owners freed nothing, it was somebody else */
	return sum;
}

struct reclaim_count reclaim_counted(enum reclaimer who)
{
	return (struct reclaim_count){
		.rounds = __atomic_load_n(&counts[who].rounds, __ATOMIC_RELAXED),
		.asked = __atomic_load_n(&counts[who].asked, __ATOMIC_RELAXED),
		.freed = __atomic_load_n(&counts[who].freed, __ATOMIC_RELAXED),
	};
}

bool reclaim_may_step(const char *call, unsigned node, uintptr_t caller)
{
	unsigned context = cpu_context();

	if (!context && node < QUARRY_MAX_NODES)
		return true;
	mm_report_at(context ? QUARRY_RULE_BAD_CONTEXT : QUARRY_RULE_BAD_ARGUMENT, call, NULL, node,
		     context, caller);
	return false;
}

void reclaim_init(void)
{
	__builtin_memset(counts, 0, sizeof(counts));
}
