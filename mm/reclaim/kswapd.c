/* SPDX-License-Identifier: MIT */
/*
 * kswapd.c: background reclaim of each node.
 *
 * Terms
 *   due        a wake came and no run began since
 *   balanced   one zone of the node that the wakers may use is at its high mark and has a block of
 *              their order, without what CMA areas lent and what is kept for atomic requests
 *   hopeless   16 runs in a row that freed nothing: wakes are ignored until a request's own reclaim
 *              frees something, or memory would be searched for nothing for ever
 *
 * A wake writes down what is wanted and calls the OS once; the run takes the note and works until
 * the node is balanced, asking harder and harder. A run also ends the boost of marks that stealing
 * a part of a pageblock set (mm/phys/watermark.h).
 *
 * Locking  none: the note is one atomic word; a wake that comes after it was taken makes the next
 *          run due.
 * Start at: kswapd_wake, quarry_kswapd_step.
 */
#include "mm/reclaim/kswapd.h"

#include "mm/base/bits.h"
#include "mm/base/log.h"
#include "mm/reclaim/collect.h"
#include "mm/reclaim/compact.h"
#include "mm/reclaim/pressure.h"
#include "mm/reclaim/reclaim.h"

#define HOPELESS 16u /* runs (Linux's) */
/* Linux's thread naps so long before it believes in its sleep. */
#define QUICK_NS 100000000ull

struct background {
	uint32_t wanted; /* sets of highest zones and, above them, of orders; 0: no run is due */
	unsigned failures; /* runs in a row that freed nothing */
	unsigned long wakes, runs;
	/* Until when a wake means that the last run did not last; 0: it did not balance the node.
	 */
	uint64_t quick_until;
	struct kswapd_quick quick;
};
static QUARRY_STATE struct background background[QUARRY_MAX_NODES];

_Static_assert(MAX_NR_ZONES + NR_PAGE_ORDERS <= 32, "struct background: wanted");

static inline uint32_t wanted_of(const struct page_request *request)
{
	return 1u << request->highest | 1u << (MAX_NR_ZONES + request->order);
}

/* ---- waking ---- */

static void drop_boost(unsigned node)
{
	for (unsigned type = 0; type < MAX_NR_ZONES; type++)
		__atomic_store_n(&zones[node * MAX_NR_ZONES + type].boost, 0ul, __ATOMIC_RELAXED);
}

static bool woke_quickly(const struct background *b)
{
	uint64_t until = __atomic_load_n(&b->quick_until, __ATOMIC_RELAXED);

	return until && mm_ops.clock_ns && mm_ops.clock_ns() < until;
}

static void wake_node(unsigned node, const struct page_request *request)
{
	struct background *b = &background[node];
	uint32_t wanted = wanted_of(request);

	if (unlikely(kswapd_is_hopeless(node))) {
		drop_boost(node); /* nobody will */
		wakeup_kcompactd(node, request->order, request->highest);
		return;
	}
	if (!(wanted & ~__atomic_load_n(&b->wanted, __ATOMIC_RELAXED)) ||
	    __atomic_fetch_or(&b->wanted, wanted, __ATOMIC_RELEASE))
		return;
	__atomic_fetch_add(&b->wakes, 1ul, __ATOMIC_RELAXED);
	if (woke_quickly(b))
		__atomic_fetch_add(&b->quick.low, 1ul, __ATOMIC_RELAXED);
	if (mm_ops.kswapd_wake)
		mm_ops.kswapd_wake(node);
}

/* Call fn for each node of the request's zones. */
static QUARRY_ALWAYS_INLINE void for_nodes(const struct page_request *request,
					   void (*fn)(unsigned node, const struct page_request *))
{
	uint64_t set = __atomic_load_n(&nodes.with[request->highest], __ATOMIC_RELAXED);

	if (gfp_has(request->gfp, __GFP_THISNODE))
		set &= 1ull << request->node;
	for (; set; set &= set - 1)
		fn(lowest_bit(set), request);
}

void kswapd_wake(const struct page_request *request)
{
	for_nodes(request, wake_node);
}

static void do_node(unsigned node, const struct page_request *request)
{
	(void)request;
	quarry_kswapd_step(node);
}

void kswapd_do_due(const struct page_request *request)
{
	for_nodes(request, do_node);
}

static void encourage_node(unsigned node, const struct page_request *request)
{
	(void)request;
	__atomic_store_n(&background[node].failures, 0u, __ATOMIC_RELAXED);
}

void kswapd_encourage(const struct page_request *request)
{
	for_nodes(request, encourage_node);
}

bool kswapd_is_hopeless(unsigned node)
{
	return __atomic_load_n(&background[node].failures, __ATOMIC_RELAXED) >= HOPELESS;
}

/* ---- a run ---- */

/* Pages that shall be free in a zone. Those that are not for everybody do not count: the waker may
 * be one that cannot have them. */
static unsigned long goal(const struct zone *zone, unsigned highest)
{
	return watermark_floor(zone, MARK_HIGH, RESERVE_NONE, (enum zone_type)highest) +
	       zone_kept(zone, false, false);
}

static bool is_balanced(unsigned node, unsigned order, unsigned highest)
{
	bool any = false;

	for (unsigned type = 0; type <= highest; type++) {
		struct zone *zone = &zones[node * MAX_NR_ZONES + type];
		if (!zone_populated(zone) || !zone_managed(zone))
			continue;
		if (zone_free(zone) >= goal(zone, highest) &&
		    (!order || zone_has_block(zone, order, false)))
			return true;
		any = true;
	}
	return !any;
}

/* Pages that the node's zones lack to their high marks. */
static unsigned long shortage(unsigned node, unsigned highest)
{
	unsigned long sum = 0;

	for (unsigned type = 0; type <= highest; type++) {
		const struct zone *zone = &zones[node * MAX_NR_ZONES + type];
		unsigned long wanted = goal(zone, highest), free = zone_free(zone);
		if (zone_populated(zone) && free < wanted)
			sum += wanted - free;
	}
	return sum ? sum : 1;
}

/* Ask harder and harder until the node is balanced. Return: did anybody free anything? */
static bool balance(unsigned node, unsigned order, unsigned highest)
{
	struct quarry_reclaim want = {
		.gfp = GFP_KERNEL,
		.order = order,
		.highest = highest,
	};
	unsigned priority = RECLAIM_PRIORITY;
	bool any = false;

	while (!is_balanced(node, order, highest)) {
		want.nr = shortage(node, highest);
		struct shrink_result one = reclaim_node(node, &want, priority, RECLAIM_KSWAPD);
		any |= one.freed != 0;
		if (one.freed >= want.nr) {
			collect_all(); /* the pages may lie about still */
			if (is_balanced(node, order, highest))
				break;
		}
		if (!one.left || !priority)
			break;
		priority--;
	}
	return any;
}

/* A run that balanced the node ends: did it last so far? */
static void fall_asleep(unsigned node, unsigned order, unsigned highest)
{
	struct background *b = &background[node];
	uint64_t until = mm_ops.clock_ns ? mm_ops.clock_ns() + QUICK_NS : 0;

	if (!is_balanced(node, order, highest)) {
		__atomic_fetch_add(&b->quick.high, 1ul, __ATOMIC_RELAXED);
		until = 0;
	}
	__atomic_store_n(&b->quick_until, until, __ATOMIC_RELAXED);
}

/* One run, for the largest that was noted. */
static void run(unsigned node, uint32_t wanted)
{
	struct background *b = &background[node];
	unsigned order = highest_bit(wanted) - MAX_NR_ZONES;
	unsigned highest = highest_bit(wanted & ((1u << MAX_NR_ZONES) - 1));
	unsigned scope = scope_enter_reclaim();

	/* there may be two kswapds, or steps */
	__atomic_fetch_add(&b->runs, 1ul, __ATOMIC_RELAXED);
	__atomic_store_n(&b->quick_until, 0ull, __ATOMIC_RELAXED);
	bool freed = balance(node, order, highest);
	bool balanced = is_balanced(node, order, highest);
	if (!balanced) {
		collect_all();
		balanced = is_balanced(node, order, highest);
	}
	/* Enough pages and still no such block: that is for compaction, not for reclaim. */
	if (!balanced && order && is_balanced(node, 0, highest)) {
		wakeup_kcompactd(node, order, (enum zone_type)highest);
		order = 0;
		balanced = true;
	}
	if (freed || balanced)
		__atomic_store_n(&b->failures, 0u, __ATOMIC_RELAXED);
	else
		__atomic_fetch_add(&b->failures, 1u, __ATOMIC_RELAXED);
	drop_boost(node);
	pressure_update(false);
	if (balanced)
		fall_asleep(node, order, highest);
	scope_leave_reclaim(scope);
}

bool quarry_kswapd_step(unsigned node)
{
	if (!reclaim_may_step("quarry_kswapd_step", node, (uintptr_t)__builtin_return_address(0)))
		return false;
	struct background *b = &background[node];
	if (!__atomic_load_n(&b->wanted, __ATOMIC_RELAXED) || scope_in_reclaim())
		return false;
	uint32_t wanted = __atomic_exchange_n(&b->wanted, 0u, __ATOMIC_ACQUIRE);
	if (!wanted)
		return false;
	run(node, wanted);
	return __atomic_load_n(&b->wanted, __ATOMIC_RELAXED) != 0;
}

void quarry_kswapd(unsigned node)
{
	do {
		while (quarry_kswapd_step(node)) {
		}
	} while (mm_ops.kswapd_wait && mm_ops.kswapd_wait(node));
}

unsigned long kswapd_runs(void)
{
	unsigned long runs = 0;

	for (unsigned node = 0; node < QUARRY_MAX_NODES; node++)
		runs += __atomic_load_n(&background[node].runs, __ATOMIC_RELAXED);
	return runs;
}

unsigned long kswapd_wakes(void)
{
	unsigned long wakes = 0;

	for (unsigned node = 0; node < QUARRY_MAX_NODES; node++)
		wakes += __atomic_load_n(&background[node].wakes, __ATOMIC_RELAXED);
	return wakes;
}

struct kswapd_quick kswapd_quick(void)
{
	struct kswapd_quick sum = {0, 0};

	for (unsigned node = 0; node < QUARRY_MAX_NODES; node++) {
		const struct kswapd_quick *quick = &background[node].quick;
		sum.low += __atomic_load_n(&quick->low, __ATOMIC_RELAXED);
		sum.high += __atomic_load_n(&quick->high, __ATOMIC_RELAXED);
	}
	return sum;
}

void kswapd_init(void)
{
	__builtin_memset(background, 0, sizeof(background));
}
