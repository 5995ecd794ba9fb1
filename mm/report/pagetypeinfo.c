/* SPDX-License-Identifier: MIT */
/*
 * pagetypeinfo.c: free blocks and pageblocks by mobility.
 *
 *   Node    0, zone   Normal, type      Movable      4      2 ...     free blocks of order 0, 1 ...
 *   Node 0, zone   Normal           12           40 ...               pageblocks of each mobility
 *
 * A pageblock counts if it holds memory that its zone was given. It is Movable in an extent, where
 * nothing of it is recorded, and Isolate while isolated, whatever its mobility.
 */
#include <quarry/report.h>

#include "mm/base/log.h"
#include "mm/phys/pageblock.h"
#include "mm/phys/zone.h"

static const char *const type_names[MIGRATE_TYPES] = {
	"Unmovable", "Movable", "Reclaimable", "HighAtomic", "CMA", "Isolate",
};

static void print_free(struct zone *zone, quarry_write_fn write, void *ctx)
{
	uint32_t count[NR_PAGE_ORDERS][MIGRATE_TYPES];
	unsigned long irq = zone_lock(zone);

	__builtin_memcpy(count, zone->count, sizeof(count));
	unsigned long extents = zone->extent_blocks;
	zone_unlock(zone, irq);

	for (unsigned type = 0; type < MIGRATE_TYPES; type++) {
		mm_print(write, ctx, "Node %4u, zone %8s, type %12s ", zone->node,
			 zone_name((enum zone_type)zone->type), type_names[type]);
		for (unsigned order = 0; order < NR_PAGE_ORDERS; order++) {
			bool whole = type == MIGRATE_MOVABLE && order == MAX_PAGE_ORDER;
			mm_print(write, ctx, "%6lu ", count[order][type] + (whole ? extents : 0));
		}
		mm_print(write, ctx, "\n");
	}
}

static void print_blocks(struct zone *zone, quarry_write_fn write, void *ctx)
{
	unsigned long blocks[MIGRATE_TYPES] = {0};

	unsigned long irq = zone_lock(zone);
	blocks[MIGRATE_MOVABLE] = zone->extent_blocks << (MAX_PAGE_ORDER - pageblock_order);
	zone_unlock(zone, irq);
	for (unsigned long pfn = pageblock_start(zone_start_pfn(zone)); pfn < zone_end_pfn(zone);
	     pfn += pageblock_nr_pages)
		if (pageblock_state(pfn) && page_zone_number(pfn_to_page(pfn)) == zone->number)
			blocks[pageblock_list(pfn)]++;

	mm_print(write, ctx, "Node %u, zone %8s ", zone->node,
		 zone_name((enum zone_type)zone->type));
	for (unsigned type = 0; type < MIGRATE_TYPES; type++)
		mm_print(write, ctx, "%12lu ", blocks[type]);
	mm_print(write, ctx, "\n");
}

void quarry_report_pagetypeinfo(quarry_write_fn write, void *ctx)
{
	mm_print(write, ctx, "Page block order: %u\n", pageblock_order);
	mm_print(write, ctx, "Pages per block:  %lu\n\n", pageblock_nr_pages);

	mm_print(write, ctx, "%-43s ", "Free pages count per migrate type at order ");
	for (unsigned order = 0; order < NR_PAGE_ORDERS; order++)
		mm_print(write, ctx, "%6u ", order);
	mm_print(write, ctx, "\n");
	for_every_populated_zone (zone)
		print_free(zone, write, ctx);

	mm_print(write, ctx, "\n%-23s", "Number of blocks type ");
	for (unsigned type = 0; type < MIGRATE_TYPES; type++)
		mm_print(write, ctx, "%12s ", type_names[type]);
	mm_print(write, ctx, "\n");
	for_every_populated_zone (zone)
		print_blocks(zone, write, ctx);
}
