/* SPDX-License-Identifier: MIT */
/*
 * slowpath.c: the ladder of a page request.
 *
 *   rung        for whom                    what
 *   1 low       everybody                   (the fast try: above the low mark of some zone)
 *   2 reserve   everybody                   down to the minimum mark, deeper with __GFP_HIGH /
 *     __GFP_MEMALLOC
 *   3 local     everybody                   this CPU's own stocks back to the buddy: its pages may
 *     be of the wrong order
 *   4 collect   requests that may sleep     all CPUs' stocks, all holders and the atomic reserve
 *     give back, then rung 2 again
 *   5 wait      __GFP_NOFAIL that may sleep rung 4 again and again, with part of the reserve
 *   6 fail      everybody                   one report, unless __GFP_NOWARN
 *
 * No lock is held between rungs. Rung 4 is what makes "count free pages by allocating until
 * failure" exact.
 *
 * Start at: slowpath_take.
 */
#include "mm/page/slowpath.h"

#include "mm/base/log.h"
#include "mm/phys/buddy.h"
#include "mm/phys/show_mem.h"

static QUARRY_STATE struct {
	struct page_holder *holders;
	unsigned long stalls[MAX_NR_ZONES];
} slowpath;

static struct page *try_reserve(const struct page_request *request)
{
	return freepage_take(request, MARK_MIN, gfp_reserve(request->gfp));
}

static void drain_local(void)
{
	cpu_pin();
	pcp_drain_local();
	cpu_unpin();
}

/* An atomic request of several pages had to come here: keep its pageblock for the next one. */
static void reserve_atomic(const struct page *head)
{
	struct zone *zone = page_zone(head);
	unsigned long irq = zone_lock(zone);

	buddy_reserve_atomic(zone, head);
	zone_unlock(zone, irq);
}

/* Before a request that may sleep fails, that reserve is given up. */
static void release_atomic(const struct page_request *request)
{
	struct zone *const *place = nodes.order[request->node][request->highest];

	for (struct zone *zone; (zone = zone_at(place)); place++) {
		unsigned long irq = zone_lock(zone);
		buddy_release_atomic(zone, request->type);
		zone_unlock(zone, irq);
	}
}

static struct page *collect_and_try(const struct page_request *request)
{
	__atomic_fetch_add(&slowpath.stalls[request->highest], 1ul, __ATOMIC_RELAXED);
	slowpath_collect();
	release_atomic(request);
	return try_reserve(request);
}

static bool never_fails(const struct page_request *request)
{
	return gfp_has(request->gfp, __GFP_NOFAIL) && gfpflags_allow_blocking(request->gfp);
}

/* Until other CPUs or interrupts free something: with part of the reserve, and one report (G100,
 * G102). */
static struct page *wait_for_memory(const struct page_request *request)
{
	struct page *head;

	mm_report_at(QUARRY_RULE_NO_MEMORY, request->call, NULL, request->order,
		     gfp_bits(request->gfp), request->caller);
	do {
		arch_relax();
		head = collect_and_try(request);
		if (!head)
			head = freepage_take(request, MARK_MIN, RESERVE_HIGH);
	} while (!head);
	return head;
}

struct page *slowpath_take(const struct page_request *request)
{
	struct page *head = try_reserve(request);

	if (head)
		goto from_reserve;
	drain_local();
	head = try_reserve(request);
	if (!head && gfpflags_allow_blocking(request->gfp))
		head = collect_and_try(request);
	if (!head && never_fails(request))
		head = wait_for_memory(request);
	if (!head) {
		if (!gfp_has(request->gfp, __GFP_NOWARN) &&
		    mm_report_at(QUARRY_RULE_NO_MEMORY, request->call, NULL, request->order,
				 gfp_bits(request->gfp), request->caller))
			show_mem_failure(request);
		return NULL;
	}
from_reserve:
	if (gfp_reserve(request->gfp) == RESERVE_ALL)
		page_set_flags(head, page_flags(head) | QUARRY_PG_PFMEMALLOC);
	if (request->order && gfp_reserve(request->gfp) == RESERVE_ATOMIC)
		reserve_atomic(head);
	return head;
}

void slowpath_register_holder(struct page_holder *holder)
{
	holder->next = slowpath.holders;
	slowpath.holders = holder;
}

void slowpath_collect(void)
{
	for (struct page_holder *holder = slowpath.holders; holder; holder = holder->next)
		holder->give_back();
	pcp_drain_all();
}

unsigned long slowpath_stalls(enum zone_type highest)
{
	return __atomic_load_n(&slowpath.stalls[highest], __ATOMIC_RELAXED);
}

void slowpath_init(void)
{
	__builtin_memset(&slowpath, 0, sizeof(slowpath));
}
