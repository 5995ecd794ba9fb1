/* SPDX-License-Identifier: MIT */
/*
 * failure.c: the record of the last request that failed.
 *
 * The reason is the first that is true:
 *     no zone with memory; before sleeping works; enough is free but in too small blocks; else the
 *     last rung of the request's ladder (mm/gfp/ladder.c)
 *
 * Locking  `busy` is taken by who writes or copies the record, and nobody waits for it: of two
 *          failures at once one is recorded.
 * Cost     a walk over the stocks of the request's zones; a failing request can afford it.
 * Start at: failure_record.
 */
#include "mm/page/failure.h"

#include "mm/base/log.h"

#define LOG_PERIOD_NS 10000000000ull /* one report in 10 s (Linux's) */
#define LOG_MOST 10ul		     /* without a clock */

static QUARRY_STATE struct {
	unsigned busy;
	unsigned long number, logged;
	uint64_t next_log;
	struct quarry_failure last;
} failures;

static const char *const reason_texts[QUARRY_NR_FAIL_REASONS] = {
#define REASON_TEXT(name, text) text,
	QUARRY_FAIL_REASONS(REASON_TEXT)
#undef REASON_TEXT
};
static const char *const refusal_texts[] = {"would serve it now", "at its floor",
					    "no block of that order", "not on the node asked for"};

const char *quarry_fail_text(enum quarry_fail_reason reason)
{
	return (unsigned)reason < QUARRY_NR_FAIL_REASONS ? reason_texts[reason] : "unknown reason";
}

/* ---- recording ---- */

static int largest_order(struct zone *zone, bool lent)
{
	int order = MAX_PAGE_ORDER;

	while (order >= 0 && !zone_has_block(zone, (unsigned)order, lent))
		order--;
	return order;
}

static struct quarry_failure_zone look_at(struct zone *zone, const struct page_request *request,
					  enum gfp_reserve_depth depth)
{
	struct quarry_failure_zone seen = {
		.node = zone->node,
		.type = (enum zone_type)zone->type,
		.free = zone_free(zone),
		.min = zone->mark[MARK_MIN],
		.boost = __atomic_load_n(&zone->boost, __ATOMIC_RELAXED),
		.reserve = zone->reserve[request->highest],
		.kept = freepage_kept(zone, request, depth),
		.floor = watermark_floor(zone, MARK_MIN, depth, request->highest),
		.parked = pcp_parked(zone),
		.largest = largest_order(zone, request->type == MIGRATE_MOVABLE),
	};

	seen.floor += seen.kept;
	if (gfp_has(request->gfp, __GFP_THISNODE) && zone->node != request->node)
		seen.refusal = QUARRY_ZONE_OTHER_NODE;
	else if (seen.free < seen.floor + (1ul << request->order))
		seen.refusal = QUARRY_ZONE_AT_FLOOR;
	else if (seen.largest < (int)request->order)
		seen.refusal = QUARRY_ZONE_NO_BLOCK;
	return seen;
}

enum quarry_fail_reason failure_at_end(const struct ladder *ladder)
{
	bool early = !gfp_has(gfp_allowed_mask, __GFP_DIRECT_RECLAIM);

	if (early && ladder->last == QUARRY_FAIL_NO_RECLAIM)
		return QUARRY_FAIL_EARLY;
	/* Who may have nobody killed waits, and ends when nothing moves any more. */
	return ladder->oom == OOM_ASK && mm_ops.oom ? QUARRY_FAIL_NO_KILL : ladder->last;
}

static enum quarry_fail_reason reason_of(const struct quarry_failure *failure,
					 const struct ladder *ladder)
{
	for (unsigned i = 0; i < failure->nr_zones; i++)
		if (failure->zone[i].refusal == QUARRY_ZONE_NO_BLOCK)
			return QUARRY_FAIL_FRAGMENTED;
	return failure_at_end(ladder);
}

static void keep(struct quarry_failure *failure)
{
	failure->number = __atomic_add_fetch(&failures.number, 1ul, __ATOMIC_RELAXED);
	if (__atomic_exchange_n(&failures.busy, 1u, __ATOMIC_ACQUIRE))
		return;
	failures.last = *failure;
	__atomic_store_n(&failures.busy, 0u, __ATOMIC_RELEASE);
}

void failure_record(const struct page_request *request, const struct ladder *ladder,
		    struct quarry_failure *failure)
{
	struct zone *const *place = nodes.order[request->node][request->highest];

	failure->gfp = request->gfp;
	failure->order = request->order;
	failure->node = request->node;
	failure->call = request->call;
	failure->caller = request->caller;
	for (struct zone *zone; (zone = zone_at(place)); place++)
		if (failure->nr_zones < QUARRY_FAILURE_ZONES)
			failure->zone[failure->nr_zones++] =
				look_at(zone, request, ladder->depth);
	failure->reason = freepage_first_zone(request) ? reason_of(failure, ladder)
						       : QUARRY_FAIL_NO_ZONE;
	keep(failure);
}

void failure_injected(gfp_t gfp, unsigned order, const char *call, uintptr_t caller)
{
	struct quarry_failure failure = {
		.reason = QUARRY_FAIL_INJECTED,
		.gfp = gfp,
		.order = order,
		.call = call,
		.caller = caller,
	};

	keep(&failure);
}

bool quarry_last_failure(struct quarry_failure *failure)
{
	if (__atomic_exchange_n(&failures.busy, 1u, __ATOMIC_ACQUIRE))
		return false;
	*failure = failures.last;
	__atomic_store_n(&failures.busy, 0u, __ATOMIC_RELEASE);
	return failure->number != 0;
}

/* ---- printing ---- */

/* The lines are printed by functions of their own: this is the deepest place of all, and none has
 * to carry the others' room. */
static QUARRY_NOINLINE void print_request(const struct quarry_failure *failure,
					  quarry_write_fn write, void *ctx)
{
	char mask[160];

	gfp_name(failure->gfp, mask, sizeof(mask));
	mm_print(write, ctx, "page allocation failure: order:%u, mode:0x%x(%s), node=%u\n",
		 failure->order, gfp_bits(failure->gfp), mask, failure->node);
}

static QUARRY_NOINLINE void print_climb(const struct quarry_failure *failure, quarry_write_fn write,
					void *ctx)
{
	mm_print(write, ctx, "The request failed because %s.\n", quarry_fail_text(failure->reason));
	mm_print(write, ctx,
		 "%s from %p: kswapd %s, %u rounds of reclaim freed %lu pages, %lu could be freed "
		 "still, %u OOM calls\n",
		 failure->call ? failure->call : "?", (void *)failure->caller,
		 failure->woke ? "woken" : "not woken", failure->rounds, failure->freed,
		 failure->left, failure->ooms);
}

static QUARRY_NOINLINE void print_zone(const struct quarry_failure_zone *zone,
				       quarry_write_fn write, void *ctx)
{
	mm_print(write, ctx,
		 "Node %u %s free:%lukB floor:%lukB min:%lukB boost:%lukB reserve:%lukB "
		 "kept:%lukB parked:%lukB largest_order:%d: %s\n",
		 zone->node, zone_name(zone->type), zone->free * 4, zone->floor * 4, zone->min * 4,
		 zone->boost * 4, zone->reserve * 4, zone->kept * 4, zone->parked * 4,
		 zone->largest, refusal_texts[zone->refusal]);
}

void quarry_print_failure(const struct quarry_failure *failure, quarry_write_fn write, void *ctx)
{
	print_request(failure, write, ctx);
	print_climb(failure, write, ctx);
	for (unsigned i = 0; i < failure->nr_zones; i++)
		print_zone(&failure->zone[i], write, ctx);
}

static bool log_allowed(void)
{
	if (!mm_ops.clock_ns)
		return __atomic_fetch_add(&failures.logged, 1ul, __ATOMIC_RELAXED) < LOG_MOST;
	uint64_t now = mm_ops.clock_ns();
	uint64_t next = __atomic_load_n(&failures.next_log, __ATOMIC_RELAXED);
	return now >= next && __atomic_compare_exchange_n(&failures.next_log, &next,
							  now + LOG_PERIOD_NS, false,
							  __ATOMIC_RELAXED, __ATOMIC_RELAXED);
}

/* Pieces come as whole lines; the log wants them without their end. */
static void write_log(void *ctx, const char *text)
{
	unsigned length = 0;

	(void)ctx;
	while (text[length] && text[length] != '\n')
		length++;
	char line[256];
	if (length >= sizeof(line))
		length = sizeof(line) - 1;
	__builtin_memcpy(line, text, length);
	line[length] = '\0';
	quarry_os_log(QUARRY_LOG_WARN, line);
}

void failure_log(const struct quarry_failure *failure)
{
	if (log_allowed())
		quarry_print_failure(failure, write_log, NULL);
}

void failure_init(void)
{
	__builtin_memset(&failures, 0, sizeof(failures));
}
