/* SPDX-License-Identifier: MIT */
/*
 * slowpath.c: climbing the ladder of a page request.
 *
 * Which rungs a request has stands in mm/gfp/ladder.c; here is what each does, in order:
 *
 *   wake      kswapd of the nodes, or, without one, its work                 kswapd_wake
 *   reserve   a block above the floor that the request may go down to        try_reserve
 *   local     this CPU's stocks to the buddy: their pages may be of          try_local
 *             the wrong order
 *   compact   order above 0: pages are moved together; after each round,     try_compact
 *             and first of all where reclaim could not make such a block
 *   reclaim   a round; then everything that lies about is collected          try_reclaim
 *   retry     back to "wake" while that may help                             may_retry
 *   oom       a last look at the high mark, then somebody gives up memory    try_oom
 *   forever   wait, with half of the reserve, and start anew                 slowpath_take
 *   fail      one report, unless __GFP_NOWARN                                fail
 *
 * Each rung ends in freepage_take(). No lock is held between rungs, nor while an owner, a notifier
 * or the OS is called.
 *
 * Start at: slowpath_take.
 */
#include "mm/page/slowpath.h"

#include "mm/base/log.h"
#include "mm/gfp/ladder.h"
#include "mm/gfp/scope.h"
#include "mm/page/failure.h"
#include "mm/phys/buddy.h"
#include "mm/reclaim/collect.h"
#include "mm/reclaim/compact.h"
#include "mm/reclaim/kswapd.h"
#include "mm/reclaim/migrate.h"
#include "mm/reclaim/oom.h"
#include "mm/reclaim/pressure.h"
#include "mm/reclaim/reclaim.h"

static QUARRY_STATE struct {
	unsigned long stalls[MAX_NR_ZONES];
} slowpath;

/* A request on its way up. */
struct climb {
	const struct page_request *request;
	struct ladder ladder;
	unsigned fruitless; /* rounds in a row that brought no page */
	unsigned rounds;
	unsigned long freed; /* pages, over all rounds */
	unsigned long left;  /* what owners could still free, as of the last round */
	unsigned ooms;
	unsigned given, idle;   /* what had come back at the last OOM call; waits since it grew */
	unsigned compact_tries; /* at this priority */
	enum compact_priority priority;
	enum compact_result compacted; /* the last result */
};

#define COMPACT_TRIES 16u	/* at one priority (Linux's) ... */
#define COMPACT_TRIES_COSTLY 4u /* ... and above order 3 */

static void read_ladder(struct climb *climb)
{
	const struct page_request *request = climb->request;
	bool task = !(cpu_context() & QUARRY_CTX_IRQ);

	climb->ladder = ladder_of(request->gfp, request->order, request->highest,
				  task ? scope_word() : 0, task && oom_is_victim());
	if (!freepage_first_zone(request))
		climb->ladder.forever = false; /* nothing to wait for */
}

/* ---- wake, reserve, local ---- */

enum gfp_reserve_depth slowpath_below_low(const struct page_request *request)
{
	if (request->order || !mm_ops.kswapd_wake || scope_word() & PF_MEMALLOC)
		return RESERVE_ALL;
	if (gfp_has(request->gfp, __GFP_KSWAPD_RECLAIM))
		kswapd_wake(request);
	return gfp_reserve(request->gfp);
}

static void wake(const struct climb *climb)
{
	if (!climb->ladder.wake)
		return;
	kswapd_wake(climb->request);
	/* Background reclaim starts IO and enters file systems: only who may do that does it. */
	if (!mm_ops.kswapd_wake && climb->ladder.reclaim &&
	    !gfp_bits((__GFP_IO | __GFP_FS) & ~climb->request->gfp))
		kswapd_do_due(climb->request);
}

static struct page *try_reserve(const struct climb *climb)
{
	return freepage_take(climb->request, MARK_MIN, climb->ladder.depth);
}

static struct page *try_local(const struct climb *climb)
{
	cpu_pin();
	pcp_drain_local();
	cpu_unpin();
	return try_reserve(climb);
}

/* ---- compact ---- */

static bool is_costly(const struct climb *climb)
{
	return climb->request->order > PAGE_ALLOC_COSTLY_ORDER;
}

static struct page *try_compact(struct climb *climb)
{
	if (!climb->ladder.compact)
		return NULL;
	unsigned scope = scope_enter_reclaim(); /* owners must not come back here */
	climb->compacted = compact_zones_for(climb->request, climb->priority);
	scope_leave_reclaim(scope);
	struct page *head = try_reserve(climb);
	if (head)
		compact_succeeded(head_zone(head), climb->request->order);
	return head;
}

/* Blocks that reclaim is unlikely to make: large ones, and those among pages that cannot move. */
static struct page *try_compact_first(struct climb *climb)
{
	climb->priority = climb->ladder.retry ? COMPACT_PRIO_LIGHT : COMPACT_PRIO_ASYNC;
	if (!is_costly(climb) && climb->request->type == MIGRATE_MOVABLE)
		return NULL;
	return try_compact(climb);
}

/* Is a costly request that tries only once better off without disturbing others? (G93) */
static bool reclaim_is_vain(const struct climb *climb)
{
	return is_costly(climb) && gfp_has(climb->request->gfp, __GFP_NORETRY) &&
	       (climb->compacted <= COMPACT_DEFERRED);
}

/* Would moving pages once more help, or harder? */
static bool compact_may_help(struct climb *climb)
{
	unsigned most = is_costly(climb) ? COMPACT_TRIES_COSTLY : COMPACT_TRIES;

	if (!climb->ladder.compact || climb->compacted <= COMPACT_SKIPPED)
		return false;
	if (climb->compacted != COMPACT_COMPLETE && ++climb->compact_tries <= most)
		return true;
	if (climb->priority == COMPACT_PRIO_FULL)
		return false;
	climb->priority--;
	climb->compact_tries = 0;
	return true;
}

/* ---- reclaim ---- */

static struct page *try_reclaim(struct climb *climb)
{
	const struct page_request *request = climb->request;

	if (!climb->rounds++)
		__atomic_fetch_add(&slowpath.stalls[request->highest], 1ul, __ATOMIC_RELAXED);
	/* Enough is free, and still no such block: pages freed by chance are no progress. */
	bool scattered = request->order && !reclaim_lacking(request, climb->ladder.depth);
	struct shrink_result round = reclaim_round(request, climb->ladder.depth);
	climb->left = round.left;
	climb->freed += round.freed;
	climb->fruitless = round.freed && !scattered ? 0 : climb->fruitless + 1;
	if (round.freed)
		kswapd_encourage(request);
	struct page *head = try_reserve(climb);
	if (!head) {
		collect_for(request);
		head = try_reserve(climb);
	}
	/* Who has one round of reclaim has one of compaction (G93). */
	bool had_it = !climb->ladder.retry && climb->compacted > COMPACT_DEFERRED;
	return head || had_it ? head : try_compact(climb);
}

/* If everything that owners could free were free, would a zone serve the request? (G87) */
static bool could_help(const struct climb *climb)
{
	const struct page_request *request = climb->request;

	if (!climb->left && climb->fruitless)
		return false;
	for_each_zone_of (zone, request) {
		unsigned long need =
			(1ul << request->order) +
			freepage_floor(zone, request, MARK_MIN, climb->ladder.depth);
		unsigned long free = zone_free(zone);
		if (free >= need || climb->left >= need - free)
			return true;
	}
	return false;
}

static bool may_retry(struct climb *climb)
{
	if (!climb->ladder.retry)
		return false;
	if ((climb->fruitless > LADDER_FRUITLESS || !could_help(climb)) && !compact_may_help(climb))
		return false;
	if (climb->fruitless)
		cpu_wait(); /* whoever frees later must get to run */
	return true;
}

/* ---- OOM ---- */

/*
 * Has a request that may have nobody killed waited long enough? As long as pages come back it may
 * get one. If none does, whoever could free may wait for a lock that its caller holds: then it must
 * fail, for nothing else will ever end it. A page that moves comes back without being a gain.
 */
static bool is_stuck(struct climb *climb)
{
	unsigned given = (unsigned)(reclaim_given(climb->request) - migrate_stat().success);

	climb->idle = given == climb->given ? climb->idle + 1 : 0;
	climb->given = given;
	return climb->ladder.oom == OOM_ASK && climb->idle > LADDER_IDLE;
}

/* Return: is there reason to go on? A page may have been found, too. */
static bool try_oom(struct climb *climb, struct page **head)
{
	const struct page_request *request = climb->request;

	if (climb->ladder.oom == OOM_NEVER || !oom_has_handler())
		return false;
	if (!oom_begin()) { /* another task is at it (G90) */
		cpu_wait();
		return true;
	}
	/* Memory may have come meanwhile; the high mark, because a kill is only worth it if nearly
	 * nothing did (G91). */
	*head = freepage_take(request, MARK_HIGH, RESERVE_NONE);
	if (*head) {
		oom_end();
		return true;
	}
	enum quarry_oom_result result = oom_ask(request);
	oom_end();
	climb->ooms++;
	if (result == QUARRY_OOM_CANNOT)
		return false;
	if (is_stuck(climb))
		return false;
	read_ladder(climb); /* the victim may be this task */
	if (climb->ladder.forever)
		*head = freepage_take(request, MARK_MIN, RESERVE_ALL); /* G102 */
	/* Who said that memory was freed may be wrong; then the others must get to run, too. */
	if (!*head && (result == QUARRY_OOM_KILLED || climb->idle))
		cpu_wait();
	climb->fruitless = climb->compact_tries = 0;
	return true;
}

/* ---- the ladder ---- */

static struct page *climb_once(struct climb *climb)
{
	struct page *head;

	read_ladder(climb);
	wake(climb);
	head = try_reserve(climb);
	if (!head)
		head = try_local(climb);
	if (!head && climb->ladder.compact) {
		head = try_compact_first(climb);
		if (!head && reclaim_is_vain(climb))
			return NULL;
	}
	while (!head && climb->ladder.reclaim) {
		head = try_reclaim(climb);
		bool again = !head && (may_retry(climb) || try_oom(climb, &head));
		if (!again || head)
			break;
		wake(climb);
		head = try_reserve(climb); /* others freed while this one waited */
	}
	return head;
}

/* An atomic request of several pages had to come here: keep its pageblock for the next one. */
static void reserve_atomic(const struct page *head)
{
	struct zone *zone = head_zone(head);
	unsigned long irq = zone_lock(zone);

	buddy_reserve_atomic(zone, head);
	zone_unlock(zone, irq);
}

static struct page *found(const struct climb *climb, struct page *head)
{
	if (climb->ladder.depth == RESERVE_ALL)
		page_set_flags(head, page_flags(head) | QUARRY_PG_PFMEMALLOC);
	if (climb->request->order && climb->ladder.depth == RESERVE_ATOMIC)
		reserve_atomic(head);
	return head;
}

/* Tell why. Apart, because the record is large: the climb must not carry it on the stack. */
static QUARRY_NOINLINE struct page *fail(const struct climb *climb)
{
	const struct page_request *request = climb->request;
	struct quarry_failure failure = {
		.woke = climb->ladder.wake,
		.rounds = climb->rounds,
		.freed = climb->freed,
		.left = climb->left,
		.ooms = climb->ooms,
	};

	failure_record(request, &climb->ladder, &failure);
	if (!gfp_has(request->gfp, __GFP_NOWARN) &&
	    mm_report_at(QUARRY_RULE_NO_MEMORY, request->call, NULL, request->order,
			 gfp_bits(request->gfp), request->caller))
		failure_log(&failure);
	return NULL;
}

struct page *slowpath_take(const struct page_request *request)
{
	struct climb climb = {.request = request};
	struct page *head = climb_once(&climb);

	while (!head && climb.ladder.forever) {
		head = freepage_take(request, MARK_MIN, RESERVE_HIGH);
		if (head)
			break;
		cpu_wait();
		climb.fruitless = 0;
		head = climb_once(&climb);
	}
	return head ? found(&climb, head) : fail(&climb);
}

unsigned long slowpath_stalls(enum zone_type highest)
{
	return __atomic_load_n(&slowpath.stalls[highest], __ATOMIC_RELAXED);
}

void slowpath_init(void)
{
	__builtin_memset(&slowpath, 0, sizeof(slowpath));
}
