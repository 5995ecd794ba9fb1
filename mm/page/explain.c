/* SPDX-License-Identifier: MIT */
/*
 * explain.c: what a request may do, in words.
 *
 * Asks the functions that requests ask: `ladder_of`, `freepage_floor`, the zone order. A test makes
 * the requests and compares (tests/scenario/test_gfp_explain.c).
 *
 * Start at: gfp_explain.
 */
#include <quarry/explain.h>
#include <quarry/os.h>

#include "mm/base/log.h"
#include "mm/gfp/context.h"
#include "mm/page/failure.h"
#include "mm/reclaim/oom.h"

static const char *const depth_texts[NR_RESERVE_DEPTHS] = {
	"the minimum mark", "half of the minimum mark", "3/8 of the minimum mark", "the last page"};
static const char *const mobility_texts[] = {"unmovable", "movable", "reclaimable"};

/* Where the words go. */
struct listener {
	quarry_write_fn write;
	void *ctx;
};

/* ---- the mask ---- */

static const char *place_text(unsigned context)
{
	return context & QUARRY_CTX_NMI	     ? "in a non-maskable interrupt"
	       : context & QUARRY_CTX_IRQ    ? "in an interrupt"
	       : context & QUARRY_CTX_ATOMIC ? "where it may not sleep"
					     : "in a task that may sleep";
}

static bool is_refused(gfp_t gfp, unsigned order, unsigned context, const struct listener *to)
{
	if (order > MAX_PAGE_ORDER)
		mm_print(to->write, to->ctx, "refused: the order exceeds %u\n",
			 (unsigned)MAX_PAGE_ORDER);
	if (!gfp_zones_legal(gfp))
		mm_print(to->write, to->ctx,
			 "refused: the zone bits ask for two zones at once\n");
	if (context & QUARRY_CTX_NMI)
		mm_print(to->write, to->ctx, "refused: only alloc_pages_nolock works there\n");
	return order > MAX_PAGE_ORDER || !gfp_zones_legal(gfp) || context & QUARRY_CTX_NMI;
}

/* Say so if `why` changes the mask. Return: what is left. */
static gfp_t leaves(gfp_t gfp, gfp_t left, const char *why, const struct listener *to)
{
	char name[160];

	if (left == gfp)
		return gfp;
	gfp_name(left, name, sizeof(name));
	mm_print(to->write, to->ctx, "%s 0x%x (%s)\n", why, gfp_bits(left), name);
	return left;
}

/* What is left of a mask at the ladder, and what the context lint says on the way. */
static gfp_t judge(gfp_t gfp, unsigned order, unsigned context, unsigned long word,
		   const struct listener *to)
{
	bool atomic = context && gfpflags_allow_blocking(gfp);

	gfp = leaves(gfp, atomic ? gfp & ~__GFP_DIRECT_RECLAIM : gfp,
		     "reported: it may sleep and this place may not; goes on with", to);
	gfp = leaves(gfp, gfp_known(gfp), "reported: bits that make no sense; goes on with", to);
	gfp = leaves(gfp, gfp & gfp_allowed_mask, "stage: leaves", to);
	gfp = leaves(gfp, scope_apply(gfp, word), "scopes: leave", to);
	if (gfp_reenters(gfp, word))
		mm_print(to->write, to->ctx, "reported: reclaim could take a lock that is held\n");
	if (gfp_nofail_misused(gfp, order, word))
		mm_print(to->write, to->ctx, "reported: it cannot be promised never to fail\n");
	return gfp;
}

/* ---- zones and rungs ---- */

static void explain_zones(const struct page_request *request, enum gfp_reserve_depth depth,
			  const struct listener *to)
{
	mm_print(to->write, to->ctx, "mobility: %s\n", mobility_texts[request->type]);
	for_each_zone_of (zone, request)
		mm_print(to->write, to->ctx,
			 "zone: node %u %s, %lu pages free; at once above %lu, then above %lu\n",
			 zone->node, zone_name((enum zone_type)zone->type), zone_free(zone),
			 freepage_floor(zone, request, MARK_LOW, RESERVE_NONE),
			 freepage_floor(zone, request, MARK_MIN, depth));
}

static const char *wake_text(const struct ladder *ladder, gfp_t gfp)
{
	bool works = ladder->reclaim && !gfp_bits((__GFP_IO | __GFP_FS) & ~gfp);

	return mm_ops.kswapd_wake ? "wake kswapd"
	       : works		  ? "do kswapd's work, for there is no thread"
				  : "leave kswapd's work to others, for there is no thread";
}

static const char *oom_text(const struct ladder *ladder)
{
	return !oom_has_handler() ? "but there is nobody to ask"
	       : ladder->oom == OOM_KILL
		       ? "somebody may be killed"
		       : "but nobody is killed without __GFP_FS; it waits as long as pages come "
			 "back";
}

static void explain_rungs(const struct ladder *ladder, gfp_t gfp, const struct listener *to)
{
	if (ladder->wake)
		mm_print(to->write, to->ctx, "rung: %s\n", wake_text(ladder, gfp));
	mm_print(to->write, to->ctx, "rung: take from the reserve, down to %s\n",
		 depth_texts[ladder->depth]);
	if (ladder->compact)
		mm_print(to->write, to->ctx, "rung: move pages together%s\n",
			 gfp_has(gfp, __GFP_IO) ? "" : " (not without __GFP_IO)");
	if (ladder->reclaim)
		mm_print(to->write, to->ctx, "rung: reclaim, %s IO, %s file systems\n",
			 gfp_has(gfp, __GFP_IO) ? "with" : "without",
			 gfp_has(gfp, __GFP_FS) ? "with" : "without");
	if (ladder->retry)
		mm_print(to->write, to->ctx,
			 "rung: again, until %u rounds in a row brought nothing or all that could "
			 "be freed would not help\n",
			 LADDER_FRUITLESS);
	if (ladder->oom != OOM_NEVER)
		mm_print(to->write, to->ctx, "rung: OOM, %s\n", oom_text(ladder));
	if (ladder->forever)
		mm_print(to->write, to->ctx,
			 "rung: wait, with half of the reserve, and start anew\n");
}

static void explain_failure(enum quarry_fail_reason reason, gfp_t gfp, const struct listener *to)
{
	mm_print(to->write, to->ctx, "if that is not enough: NULL%s, because %s\n",
		 gfp_has(gfp, __GFP_NOWARN) ? ", silently" : " and a report",
		 quarry_fail_text(reason));
}

void gfp_explain(gfp_t gfp, unsigned order, unsigned context, quarry_write_fn write, void *ctx)
{
	const struct listener to = {write, ctx};
	bool task = !(context & QUARRY_CTX_IRQ);
	unsigned long word = task ? scope_word() : 0;
	char name[160];

	gfp_name(gfp, name, sizeof(name));
	mm_print(write, ctx, "request: order %u, mask 0x%x (%s), %s\n", order, gfp_bits(gfp), name,
		 place_text(context));
	if (is_refused(gfp, order, context, &to))
		return;
	gfp = judge(gfp, order, context, word, &to);
	struct page_request request = {
		.gfp = gfp,
		.order = order,
		.node = node_or_local(NUMA_NO_NODE),
		.highest = gfp_zone(gfp),
		.type = gfp_migratetype(gfp),
	};
	struct ladder ladder =
		ladder_of(gfp, order, request.highest, word, !context && oom_is_victim());
	explain_zones(&request, ladder.depth, &to);
	if (!freepage_first_zone(&request)) {
		explain_failure(QUARRY_FAIL_NO_ZONE, gfp, &to);
		return;
	}
	explain_rungs(&ladder, gfp, &to);
	if (!ladder.forever)
		explain_failure(failure_at_end(&ladder), gfp, &to);
}
