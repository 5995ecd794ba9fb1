/* SPDX-License-Identifier: MIT */
/*
 * show_mem.c: the failure report. Zones and counters only; reads without locks, so figures may be a
 * moment apart.
 */
#include "mm/phys/show_mem.h"

#include "mm/base/log.h"
#include "mm/phys/buddy.h"

static int largest_order(const struct zone *zone)
{
	int order = MAX_PAGE_ORDER;

	while (order >= 0 && !buddy_count(zone, (unsigned)order))
		order--;
	return order;
}

void show_mem_failure(const struct page_request *request)
{
	char mask[128];

	gfp_name(request->gfp, mask, sizeof(mask));
	mm_log(QUARRY_LOG_WARN, "page allocation failure: order:%u, mode:0x%x(%s), node=%u",
	       request->order, gfp_bits(request->gfp), mask, request->node);
	for (struct zone *const *z = nodes.order[request->node][request->highest]; *z; z++) {
		const struct zone *zone = *z;
		mm_log(QUARRY_LOG_WARN,
		       "Node %u %s free:%lukB min:%lukB low:%lukB high:%lukB reserve:%lukB "
		       "managed:%lukB "
		       "parked:%lukB largest_order:%d",
		       zone->node, zone_name((enum zone_type)zone->type), zone_free(zone) * 4,
		       zone->mark[MARK_MIN] * 4, zone->mark[MARK_LOW] * 4,
		       zone->mark[MARK_HIGH] * 4, zone->reserve[request->highest] * 4,
		       zone->managed * 4, pcp_parked(zone) * 4, largest_order(zone));
	}
}
