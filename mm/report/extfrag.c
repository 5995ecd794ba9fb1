/* SPDX-License-Identifier: MIT */
/*
 * extfrag.c: two figures for each zone and order that say how scattered free memory is.
 *
 *   free      free pages            blocks   free blocks of any order
 *   fitting   free pages in blocks of the order or larger
 *   wanted    pages of a block of the order
 *
 *   unusable index = (free - fitting) / free              1 if nothing is free
 *   extfrag index  = 1 - (1 + free / wanted) / blocks     0 if nothing is free, -1 if fitting > 0
 *
 * The second compares what is free with as many blocks of the size as it could make: little memory
 * in few blocks gives 0 (below 0 counts as 0), much memory in many small blocks nearly 1. Computed
 * in thousandths. Isolated blocks are not free: nothing can be had from them.
 */
#include <quarry/report.h>

#include "mm/base/log.h"
#include "mm/phys/zone.h"

#define ONE 1000 /* the unit of an index */

struct free_shape {
	unsigned long blocks[NR_PAGE_ORDERS]; /* of each order */
	unsigned long all_blocks, pages;
};

static void shape_of(struct zone *zone, struct free_shape *shape)
{
	__builtin_memset(shape, 0, sizeof(*shape));
	unsigned long irq = zone_lock(zone);
	shape->blocks[MAX_PAGE_ORDER] = zone->extent_blocks;
	for (unsigned order = 0; order < NR_PAGE_ORDERS; order++)
		for (unsigned type = 0; type < MIGRATE_ISOLATE; type++)
			shape->blocks[order] += zone->count[order][type];
	zone_unlock(zone, irq);

	for (unsigned order = 0; order < NR_PAGE_ORDERS; order++) {
		shape->all_blocks += shape->blocks[order];
		shape->pages += shape->blocks[order] << order;
	}
}

static unsigned long fitting_pages(const struct free_shape *shape, unsigned order)
{
	unsigned long pages = 0;

	for (; order < NR_PAGE_ORDERS; order++)
		pages += shape->blocks[order] << order;
	return pages;
}

static int unusable_index(const struct free_shape *shape, unsigned order)
{
	if (!shape->pages)
		return ONE;
	return (int)((shape->pages - fitting_pages(shape, order)) * ONE / shape->pages);
}

static int extfrag_index(const struct free_shape *shape, unsigned order)
{
	if (!shape->all_blocks)
		return 0;
	if (fitting_pages(shape, order))
		return -ONE;
	unsigned long possible = ONE + (shape->pages * ONE >> order);
	unsigned long few = possible / shape->all_blocks;
	return few < ONE ? (int)(ONE - few) : 0;
}

static void print_index(quarry_write_fn write, void *ctx, const char *format,
			int (*index)(const struct free_shape *shape, unsigned order))
{
	for_each_populated_zone (zone) {
		struct free_shape shape;
		shape_of(zone, &shape);
		mm_print(write, ctx, "Node %u, zone %8s ", zone->node,
			 zone_name((enum zone_type)zone->type));
		for (unsigned order = 0; order < NR_PAGE_ORDERS; order++) {
			int value = index(&shape, order);
			mm_print(write, ctx, format, value / ONE, value % ONE);
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
