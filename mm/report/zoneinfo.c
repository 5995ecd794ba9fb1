/* SPDX-License-Identifier: MIT */
/*
 * zoneinfo.c: sizes, marks and reserves of each zone, and what the CPUs park of it. All in pages.
 *
 * A node's zones without memory are named, as Linux does, so that the rows of every node are the
 * same; nodes without memory are left out.
 *
 *   count   pages that the CPU parks of this zone, over all sizes of block
 *   high    pages that it would park at most
 *   batch   single pages moved by one refill
 */
#include <quarry/report.h>

#include "mm/base/log.h"
#include "mm/phys/pcp.h"
#include "mm/reclaim/kswapd.h"
#include "mm/report/figure.h"

struct pageset {
	unsigned long count, high, batch;
};

static struct pageset pageset_of(unsigned cpu, const struct zone *zone)
{
	struct pageset set = {0, 0, 0};

	for (unsigned type = 0; type < MIGRATE_PCPTYPES; type++) {
		for (unsigned order = 0; order < NR_PAGE_ORDERS; order++) {
			const struct page_stock *stock =
				stock_of_zone(&page_cpus[cpu], zone, type, order);
			unsigned long n = stock_held(stock);
			set.count += n << order;
			set.high += (unsigned long)stock_cap(stock) << order;
			if (!order)
				set.batch = stock_batch(stock, order);
		}
	}
	return set;
}

static void print_pagesets(const struct zone *zone, quarry_write_fn write, void *ctx)
{
	mm_print(write, ctx, "  pagesets\n");
	for_each_online_cpu (cpu) {
		struct pageset set = pageset_of(cpu, zone);
		mm_print(write, ctx, "    cpu: %u\n", cpu);
		mm_print(write, ctx, "              count: %lu\n", set.count);
		mm_print(write, ctx, "              high:  %lu\n", set.high);
		mm_print(write, ctx, "              batch: %lu\n", set.batch);
	}
}

static void print_zone(const struct zone *zone, quarry_write_fn write, void *ctx)
{
	unsigned long boost = figure(&zone->boost);

	mm_print(write, ctx, "Node %u, zone %8s\n", zone->node,
		 zone_name((enum zone_type)zone->type));
	mm_print(write, ctx, "  pages free     %lu\n", zone_free(zone));
	mm_print(write, ctx, "        boost    %lu\n", boost);
	mm_print(write, ctx, "        min      %lu\n", figure(&zone->mark[MARK_MIN]));
	mm_print(write, ctx, "        low      %lu\n", figure(&zone->mark[MARK_LOW]) + boost);
	mm_print(write, ctx, "        high     %lu\n", figure(&zone->mark[MARK_HIGH]) + boost);
	mm_print(write, ctx, "        spanned  %lu\n", zone_spanned_pages(zone));
	mm_print(write, ctx, "        present  %lu\n", zone_present(zone));
	mm_print(write, ctx, "        managed  %lu\n", zone_managed(zone));
	mm_print(write, ctx, "        cma      %lu\n",
		 figure(&zone->lent_blocks) << pageblock_order);
	mm_print(write, ctx, "        protection: (");
	for (unsigned type = 0; type < MAX_NR_ZONES; type++)
		mm_print(write, ctx, type ? ", %lu" : "%lu", figure(&zone->reserve[type]));
	mm_print(write, ctx, ")\n");
	if (!zone_populated(zone))
		return;
	mm_print(write, ctx, "      nr_free_pages %lu\n", zone_free(zone));
	print_pagesets(zone, write, ctx);
	mm_print(write, ctx, "  node_unreclaimable:  %u\n", kswapd_is_hopeless(zone->node));
	mm_print(write, ctx, "  start_pfn:           %lu\n", zone_start_pfn(zone));
}

static bool node_is_populated(unsigned node)
{
	for (unsigned type = 0; type < MAX_NR_ZONES; type++)
		if (zone_populated(&zones[node * MAX_NR_ZONES + type]))
			return true;
	return false;
}

void quarry_report_zoneinfo(quarry_write_fn write, void *ctx)
{
	for_every_zone (zone)
		if (node_is_populated(zone->node))
			print_zone(zone, write, ctx);
}
