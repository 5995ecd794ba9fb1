/* SPDX-License-Identifier: MIT */
/*
 * explain.c: what a request may do, in words.
 *
 * Asks the functions that requests ask: `ladder_of`, `watermark_floor`, the zone order.
 *
 * Start at: gfp_explain.
 */
#include <quarry/explain.h>
#include <quarry/os.h>

#include "mm/base/log.h"
#include "mm/gfp/ladder.h"
#include "mm/gfp/scope.h"
#include "mm/phys/watermark.h"

static const char *const depth_texts[NR_RESERVE_DEPTHS] = {
	"the minimum mark", "half of the minimum mark", "3/8 of the minimum mark", "the last page"};
static const char *const mobility_texts[] = {"unmovable", "movable", "reclaimable"};

static void explain_zones(gfp_t gfp, enum gfp_reserve_depth depth, quarry_write_fn write, void *ctx)
{
	enum zone_type highest = gfp_zone(gfp);
	struct zone *const *place = nodes.order[node_or_local(NUMA_NO_NODE)][highest];

	mm_print(write, ctx, "mobility: %s\n", mobility_texts[gfp_migratetype(gfp) % 3]);
	for (struct zone *zone; (zone = zone_at(place)); place++)
		mm_print(write, ctx,
			 "zone: node %u %s, %lu pages free; at once above %lu, then above %lu\n",
			 zone->node, zone_name((enum zone_type)zone->type), zone_free(zone),
			 watermark_floor(zone, MARK_LOW, RESERVE_NONE, highest),
			 watermark_floor(zone, MARK_MIN, depth, highest));
}

static void explain_rungs(const struct ladder *ladder, gfp_t gfp, quarry_write_fn write, void *ctx)
{
	if (ladder->wake)
		mm_print(write, ctx, "rung: wake kswapd\n");
	mm_print(write, ctx, "rung: take from the reserve, down to %s\n",
		 depth_texts[ladder->depth]);
	if (ladder->compact)
		mm_print(write, ctx, "rung: move pages together%s\n",
			 gfp_has(gfp, __GFP_IO) ? "" : " (not without __GFP_IO)");
	if (ladder->reclaim)
		mm_print(write, ctx, "rung: reclaim, %s IO, %s file systems\n",
			 gfp_has(gfp, __GFP_IO) ? "with" : "without",
			 gfp_has(gfp, __GFP_FS) ? "with" : "without");
	if (ladder->retry)
		mm_print(write, ctx,
			 "rung: again, until %u rounds in a row brought nothing or all that could "
			 "be freed would not help\n",
			 LADDER_FRUITLESS);
	if (ladder->oom != OOM_NEVER)
		mm_print(write, ctx, "rung: OOM, %s\n",
			 ladder->oom == OOM_KILL ? "somebody may be killed"
						 : "but nobody is killed without __GFP_FS; it "
						   "waits as long as pages come back");
	if (ladder->forever)
		mm_print(write, ctx, "rung: wait, with half of the reserve, and start anew\n");
	else
		mm_print(write, ctx, "if that is not enough: NULL%s, because %s\n",
			 gfp_has(gfp, __GFP_NOWARN) ? ", silently" : " and a report",
			 quarry_fail_text(ladder->last));
}

void gfp_explain(gfp_t gfp, unsigned order, unsigned context, quarry_write_fn write, void *ctx)
{
	unsigned long word = context ? 0 : scope_word();
	char name[160];

	gfp_name(gfp, name, sizeof(name));
	mm_print(write, ctx, "request: order %u, mask 0x%x (%s), %s\n", order, gfp_bits(gfp), name,
		 context & QUARRY_CTX_NMI	   ? "in a non-maskable interrupt"
		 : context & QUARRY_CTX_IRQ	   ? "in an interrupt"
		 : context & QUARRY_CTX_ATOMIC ? "where it may not sleep"
					       : "in a task that may sleep");
	if (order > MAX_PAGE_ORDER)
		mm_print(write, ctx, "refused: the order exceeds %u\n", (unsigned)MAX_PAGE_ORDER);
	if (!gfp_zones_legal(gfp))
		mm_print(write, ctx, "refused: the zone bits ask for two zones at once\n");
	if (context & QUARRY_CTX_NMI)
		mm_print(write, ctx, "refused: only alloc_pages_nolock works there\n");
	if (order > MAX_PAGE_ORDER || !gfp_zones_legal(gfp) || context & QUARRY_CTX_NMI)
		return;
	if (context && gfpflags_allow_blocking(gfp)) {
		mm_print(write, ctx, "reported: it may sleep and this place may not; "
				     "goes on without __GFP_DIRECT_RECLAIM\n");
		gfp &= ~__GFP_DIRECT_RECLAIM;
	}
	if (gfp_bits(gfp & ~gfp_allowed_mask)) {
		gfp &= gfp_allowed_mask;
		gfp_name(gfp, name, sizeof(name));
		mm_print(write, ctx, "stage: leaves 0x%x (%s)\n", gfp_bits(gfp), name);
	}
	if (scope_apply(gfp, word) != gfp) {
		gfp = scope_apply(gfp, word);
		gfp_name(gfp, name, sizeof(name));
		mm_print(write, ctx, "scopes: leave 0x%x (%s)\n", gfp_bits(gfp), name);
	}
	struct ladder ladder = ladder_of(gfp, order, gfp_zone(gfp), word, false);
	explain_zones(gfp, ladder.depth, write, ctx);
	explain_rungs(&ladder, gfp, write, ctx);
}
