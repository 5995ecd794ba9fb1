/* SPDX-License-Identifier: MIT */
/*
 * buddyinfo.c: free blocks of each order, one row a zone that has memory.
 *
 *   Node 0, zone   Normal      4      2      0      1 ...
 *                              order 0, order 1, ...
 *
 * Blocks that were never handed out (extents) count as blocks of the maximum order, which they are.
 */
#include <quarry/report.h>

#include "mm/base/log.h"
#include "mm/phys/buddy.h"

void quarry_report_buddyinfo(quarry_write_fn write, void *ctx)
{
	for_every_populated_zone(zone) {
		unsigned long count[NR_PAGE_ORDERS];
		unsigned long irq = zone_lock(zone);
		for (unsigned order = 0; order < NR_PAGE_ORDERS; order++)
			count[order] = buddy_count(zone, order);
		zone_unlock(zone, irq);

		mm_print(write, ctx, "Node %u, zone %8s ", zone->node,
			 zone_name((enum zone_type)zone->type));
		for (unsigned order = 0; order < NR_PAGE_ORDERS; order++)
			mm_print(write, ctx, "%6lu ", count[order]);
		mm_print(write, ctx, "\n");
	}
}
