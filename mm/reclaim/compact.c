/* SPDX-License-Identifier: MIT */
/*
 * compact.c: which zones are compacted for whom, and which are left alone for now.
 *
 * Suitable   A zone is compacted for a request if enough is free to move pages to: its mark and
 * twice
 *            the block; and, for large orders, if what a request would fail of is not want of
 *            memory (fragindex.h, tunable extfrag_threshold).
 * Deferred   After a run that met its end without a block, the zone is left out for 1 request,
 * after the
 *            next for 2, up to 64. A success ends that.
 * Daemon     A node's wish is one word: 0, or the order and the highest zone. Wakes while one
 * stands only
 *            raise it.
 *
 * Start at: compact_zones_for, quarry_kcompactd_step.
 */
#include "mm/reclaim/compact.h"

#include "mm/base/bits.h"
#include "mm/base/log.h"
#include "mm/phys/fragindex.h"
#include "mm/reclaim/compact_zone.h"
#include "mm/reclaim/reclaim.h"

#define DEFER_SHIFT_MAX 6u	   /* 64 requests (Linux's value) */
#define REQUEST_BUDGET (1ul << 18) /* frames that one request looks at: 1 GiB */
#define STEP_BUDGET (1ul << 13)	   /* and one step of the daemon: 32 MiB */
#define PROACTIVE_REST 64u	   /* steps without a run after one that did not help */

struct zone_deferral {
	unsigned considered, shift, order_failed;
};

static QUARRY_STATE struct {
	struct zone_deferral deferral[NR_ZONES]; /* written with relaxed atomics: a heuristic */
	struct {
		unsigned wish; /* order + 1, and the highest zone << 8 */
		bool proactive;
		unsigned rest;
		int score; /* at the start of the proactive run */
	} daemon[QUARRY_MAX_NODES];
	struct compact_stat stat;
} compact;

static void add(unsigned long *counter, unsigned long n)
{
	__atomic_fetch_add(counter, n, __ATOMIC_RELAXED);
}
static unsigned get(const unsigned *word)
{
	return __atomic_load_n(word, __ATOMIC_RELAXED);
}
static void set(unsigned *word, unsigned value)
{
	__atomic_store_n(word, value, __ATOMIC_RELAXED);
}

/* ---- deferral ---- */

static bool is_deferred(const struct zone *zone, unsigned order)
{
	struct zone_deferral *deferral = &compact.deferral[zone->number];
	unsigned limit = 1u << get(&deferral->shift);

	if (order < get(&deferral->order_failed) || !get(&deferral->shift))
		return false;
	unsigned considered = get(&deferral->considered) + 1;
	set(&deferral->considered, considered < limit ? considered : limit);
	return considered < limit;
}

static void defer(const struct zone *zone, unsigned order)
{
	struct zone_deferral *deferral = &compact.deferral[zone->number];
	unsigned shift = get(&deferral->shift);

	set(&deferral->considered, 0);
	set(&deferral->shift, shift < DEFER_SHIFT_MAX ? shift + 1 : shift);
	if (!shift || order < get(&deferral->order_failed))
		set(&deferral->order_failed, order);
}

void compact_succeeded(const struct zone *zone, unsigned order)
{
	struct zone_deferral *deferral = &compact.deferral[zone->number];

	if (order < get(&deferral->order_failed))
		return;
	set(&deferral->considered, 0);
	set(&deferral->shift, 0);
	set(&deferral->order_failed, order + 1);
}

/* ---- suitability ---- */

enum compact_result compaction_suitable(struct zone *zone, unsigned order, enum zone_type highest)
{
	bool costly = order > PAGE_ALLOC_COSTLY_ORDER;
	unsigned long floor =
		watermark_floor(zone, costly ? MARK_LOW : MARK_MIN, RESERVE_NONE, highest);
	struct free_shape shape;

	if (zone_has_block(zone, order, false))
		return COMPACT_SUCCESS;
	free_shape_of(zone, &shape);
	if (shape.pages < floor + (2ul << order))
		return COMPACT_SKIPPED;
	/* below 0: there is such a block, but not for everybody */
	int index = extfrag_index(&shape, order);
	if (costly && index >= 0 && index <= (int)watermarks_tunables()->extfrag_threshold)
		return COMPACT_NOT_SUITABLE_ZONE;
	return COMPACT_CONTINUE;
}

/* ---- for a request ---- */

static enum compact_result run_for(struct zone *zone, unsigned order,
				   enum compact_priority priority)
{
	static const enum migrate_mode modes[] = {MIGRATE_SYNC, MIGRATE_SYNC_LIGHT, MIGRATE_ASYNC};
	struct compact_run run = {.zone = zone,
				  .order = order,
				  .mode = modes[priority],
				  .budget = REQUEST_BUDGET,
				  .anew = priority == COMPACT_PRIO_FULL};
	enum compact_result result = compact_zone(&run);

	add(&compact.stat.migrate_scanned, run.migrate_scanned);
	add(&compact.stat.free_scanned, run.free_scanned);
	if (result == COMPACT_SUCCESS)
		compact_succeeded(zone, order);
	else if (result == COMPACT_COMPLETE && priority != COMPACT_PRIO_ASYNC)
		defer(zone, order);
	return result;
}

static enum compact_result compact_one_for(struct zone *zone, const struct page_request *request,
					   enum compact_priority priority)
{
	enum compact_result result = compaction_suitable(zone, request->order, request->highest);

	if (result != COMPACT_CONTINUE)
		return result;
	if (priority != COMPACT_PRIO_FULL && is_deferred(zone, request->order))
		return COMPACT_DEFERRED;
	return run_for(zone, request->order, priority);
}

enum compact_result compact_zones_for(const struct page_request *request,
				      enum compact_priority priority)
{
	enum compact_result best = COMPACT_NOT_SUITABLE_ZONE;

	if (!request->order || !gfp_has(request->gfp, __GFP_IO))
		return COMPACT_SKIPPED;
	pcp_drain_all(); /* parked pages lie among those that are to be moved */
	for_each_zone_of (zone, request) {
		enum compact_result result = compact_one_for(zone, request, priority);
		best = result > best ? result : best;
		if (best == COMPACT_SUCCESS)
			break;
	}
	if (best > COMPACT_DEFERRED) {
		add(&compact.stat.stall, 1);
		add(best == COMPACT_SUCCESS ? &compact.stat.success : &compact.stat.fail, 1);
	}
	return best;
}

/* ---- whole nodes ---- */

static struct zone *zone_of_node(unsigned node, unsigned type)
{
	return &zones[node * MAX_NR_ZONES + type];
}

void quarry_compact_node(int node)
{
	if (!reclaim_may_step("quarry_compact_node", node < 0 ? 0 : (unsigned)node,
			      (uintptr_t)__builtin_return_address(0)))
		return;
	pcp_drain_all();
	for_every_populated_zone (zone) {
		struct compact_run run = {.zone = zone,
					  .order = COMPACT_WHOLE,
					  .mode = MIGRATE_SYNC,
					  .budget = ~0ul,
					  .anew = true};
		if (node >= 0 && zone->node != (unsigned)node)
			continue;
		compact_zone(&run);
		add(&compact.stat.migrate_scanned, run.migrate_scanned);
		add(&compact.stat.free_scanned, run.free_scanned);
	}
}

/* ---- the daemon ---- */

void wakeup_kcompactd(unsigned node, unsigned order, enum zone_type highest)
{
	unsigned *word = &compact.daemon[node].wish;
	unsigned old = get(word), wish;

	if (!order)
		return;
	do
		wish = (unsigned)(max_u64(order + 1, old & 0xffu) |
				  max_u64((unsigned)highest, old >> 8) << 8);
	while (!__atomic_compare_exchange_n(word, &old, wish, false, __ATOMIC_RELEASE,
					    __ATOMIC_RELAXED));
	if (!old && mm_ops.kcompactd_wake)
		mm_ops.kcompactd_wake(node);
}

static enum compact_result daemon_run(struct zone *zone, unsigned order)
{
	struct compact_run run = {
		.zone = zone, .order = order, .mode = MIGRATE_SYNC_LIGHT, .budget = STEP_BUDGET};
	enum compact_result result = compact_zone(&run);

	add(&compact.stat.migrate_scanned, run.migrate_scanned);
	add(&compact.stat.free_scanned, run.free_scanned);
	add(&compact.stat.daemon_migrate_scanned, run.migrate_scanned);
	add(&compact.stat.daemon_free_scanned, run.free_scanned);
	return result;
}

/* Work on a wish. Return: is there more to do? */
static bool fulfil(unsigned node, unsigned order, unsigned highest)
{
	for (unsigned type = 0; type <= highest; type++) {
		struct zone *zone = zone_of_node(node, type);
		if (!zone_populated(zone) || is_deferred(zone, order) ||
		    compaction_suitable(zone, order, (enum zone_type)highest) != COMPACT_CONTINUE)
			continue;
		enum compact_result result = daemon_run(zone, order);
		if (result == COMPACT_PARTIAL_SKIPPED)
			return true;
		if (result == COMPACT_SUCCESS)
			compact_succeeded(zone, order);
		else if (result == COMPACT_COMPLETE)
			defer(zone, order);
	}
	return false;
}

/* How scattered a node's free memory is for pageblocks, in per cent; each zone by its size. */
static int score(unsigned node)
{
	uint64_t sum = 0, pages = 0;

	for (unsigned type = 0; type < MAX_NR_ZONES; type++) {
		struct zone *zone = zone_of_node(node, type);
		struct free_shape shape;
		if (!zone_populated(zone))
			continue;
		free_shape_of(zone, &shape);
		if (shape.pages)
			sum += (uint64_t)unusable_index(&shape, pageblock_order) *
			       zone_present(zone);
		pages += zone_present(zone);
	}
	return pages ? (int)(sum / pages / (FRAG_ONE / 100)) : 0;
}

/*
 * Nobody asks for large blocks: see that there are some. Begin above a score of 110 minus the
 * tunable, end 10 below that (Linux's rule). Return: is there more to do?
 */
static bool look_ahead(unsigned node)
{
	int eager = (int)watermarks_tunables()->compaction_proactiveness;
	int low = 100 - eager > 5 ? 100 - eager : 5;
	int now = eager ? score(node) : 0;

	if (compact.daemon[node].rest) {
		compact.daemon[node].rest--;
		return false;
	}
	if (!compact.daemon[node].proactive) {
		if (now <= low + 10)
			return false;
		compact.daemon[node].proactive = true;
		compact.daemon[node].score = now;
	}
	for (unsigned type = 0; now > low && type < MAX_NR_ZONES; type++) {
		struct zone *zone = zone_of_node(node, type);
		if (zone_populated(zone) &&
		    daemon_run(zone, COMPACT_WHOLE) == COMPACT_PARTIAL_SKIPPED)
			return true;
	}
	if (now > low && score(node) >= compact.daemon[node].score)
		compact.daemon[node].rest = PROACTIVE_REST;
	compact.daemon[node].proactive = false;
	return false;
}

bool quarry_kcompactd_step(int node)
{
	if (!reclaim_may_step("quarry_kcompactd_step", (unsigned)node,
			      (uintptr_t)__builtin_return_address(0)))
		return false;
	unsigned *word = &compact.daemon[node].wish;
	unsigned wish = __atomic_load_n(word, __ATOMIC_ACQUIRE);
	if (!wish)
		return look_ahead((unsigned)node);
	add(&compact.stat.daemon_wake, 1);
	if (fulfil((unsigned)node, (wish & 0xffu) - 1, wish >> 8))
		return true;
	/* If it was raised meanwhile it stays. */
	return !__atomic_compare_exchange_n(word, &wish, 0u, false, __ATOMIC_RELAXED,
					    __ATOMIC_RELAXED);
}

void quarry_kcompactd(int node)
{
	do
		while (quarry_kcompactd_step(node))
			;
	while (mm_ops.kcompactd_wait && mm_ops.kcompactd_wait((unsigned)node));
}

struct compact_stat compact_stat(void)
{
	struct compact_stat stat;
	const unsigned long *from = (const unsigned long *)(const void *)&compact.stat;
	unsigned long *to = (unsigned long *)(void *)&stat;

	for (unsigned i = 0; i < sizeof(stat) / sizeof(*to); i++)
		to[i] = __atomic_load_n(&from[i], __ATOMIC_RELAXED);
	return stat;
}

void compact_init(void)
{
	__builtin_memset(&compact, 0, sizeof(compact));
	compact_zone_init();
}
