/* SPDX-License-Identifier: MIT */
/*
 * extfrag.c: the two indices of scattered free memory (mm/phys/fragindex.h), for each zone and
 * order.
 */
#include <quarry/report.h>

#include "mm/base/log.h"
#include "mm/phys/fragindex.h"

static void print_index(quarry_write_fn write, void *ctx, const char *format,
			int (*index)(const struct free_shape *shape, unsigned order))
{
	for_every_populated_zone (zone) {
		struct free_shape shape;
		free_shape_of(zone, &shape);
		mm_print(write, ctx, "Node %u, zone %8s ", zone->node,
			 zone_name((enum zone_type)zone->type));
		for (unsigned order = 0; order < NR_PAGE_ORDERS; order++) {
			int value = index(&shape, order);
			mm_print(write, ctx, format, value / FRAG_ONE, value % FRAG_ONE);
		}
		mm_print(write, ctx, "\n");
	}
}

void quarry_report_unusable_index(quarry_write_fn write, void *ctx)
{
	print_index(write, ctx, "%d.%03d ", unusable_index);
}

void quarry_report_extfrag_index(quarry_write_fn write, void *ctx)
{
	print_index(write, ctx, "%2d.%03d ", extfrag_index);
}
