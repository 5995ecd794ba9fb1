/* SPDX-License-Identifier: MIT */
/*
 * vmstat.c: pages by use, and events since boot, one "name value" line each.
 *
 *   nr_free_pages          free in the zones, without what CPUs park
 *   nr_slab_*              pages of slabs
 *   nr_page_table_pages    tables of the vmalloc range
 *   vmap_flush             flushes of every CPU for freed virtual addresses
 *   pgalloc_ZONE, pgfree   pages handed out and freed: pgalloc - pgfree is what is handed out now
 *   allocstall_ZONE        requests with that highest zone that waited for memory to be collected
 *   kswapd_wake, pageoutrun  wakes that made a run of kswapd due, and runs
 *   kswapd_MARK_wmark_hit_quickly  runs that did not last (mm/reclaim/kswapd.h)
 *   pgscan_*, pgsteal_*    pages and objects that kswapd, or requests, asked owners for and got
 *   slabs_scanned          objects that shrinkers looked at
 *   collect_all            times that CPUs' stocks and parked areas were taken in
 *   oom_call, oom_kill     questions to the OS's hook; answers that somebody was killed
 *   nr_free_cma            free pages of CMA areas
 *   cma_alloc_*            pages claimed of them, or asked for in vain
 *   pgmigrate_*            pages that were moved, or could not be when they were to
 *   compact_*              frames looked at, requests that compacted; daemon: the nodes' threads
 */
#include <quarry/cma.h>
#include <quarry/report.h>
#include <quarry/vmalloc.h>

#include "mm/base/log.h"
#include "mm/page/slowpath.h"
#include "mm/phys/pcp.h"
#include "mm/reclaim/compact.h"
#include "mm/reclaim/collect.h"
#include "mm/reclaim/kswapd.h"
#include "mm/reclaim/migrate.h"
#include "mm/reclaim/oom.h"
#include "mm/reclaim/reclaim.h"
#include "mm/slab/slab.h"
#include "mm/vmap/pgtable.h"

static const char *const zone_words[MAX_NR_ZONES] = {"dma", "dma32", "normal", "movable"};

static void print(quarry_write_fn write, void *ctx, const char *name, unsigned long value)
{
	mm_print(write, ctx, "%s %lu\n", name, value);
}

static void print_cma(quarry_write_fn write, void *ctx)
{
	struct quarry_cma_totals info;

	quarry_cma_info(&info);
	print(write, ctx, "nr_free_cma", info.free);
	print(write, ctx, "cma_alloc_success", info.alloc_success);
	print(write, ctx, "cma_alloc_fail", info.alloc_fail);
}

static void print_reclaim(quarry_write_fn write, void *ctx)
{
	struct reclaim_count kswapd = reclaim_counted(RECLAIM_KSWAPD);
	struct reclaim_count direct = reclaim_counted(RECLAIM_DIRECT);
	struct kswapd_quick quick = kswapd_quick();

	print(write, ctx, "kswapd_wake", kswapd_wakes());
	print(write, ctx, "pageoutrun", kswapd_runs());
	print(write, ctx, "kswapd_low_wmark_hit_quickly", quick.low);
	print(write, ctx, "kswapd_high_wmark_hit_quickly", quick.high);
	print(write, ctx, "pgscan_kswapd", kswapd.asked);
	print(write, ctx, "pgscan_direct", direct.asked);
	print(write, ctx, "pgsteal_kswapd", kswapd.freed);
	print(write, ctx, "pgsteal_direct", direct.freed);
	print(write, ctx, "slabs_scanned", shrinkers_scanned());
	print(write, ctx, "collect_all", collections());
	print(write, ctx, "oom_call", oom_calls());
	print(write, ctx, "oom_kill", oom_kills());
}

static void print_moves(quarry_write_fn write, void *ctx)
{
	struct migrate_stat moved = migrate_stat();
	struct compact_stat compact = compact_stat();

	print(write, ctx, "pgmigrate_success", moved.success);
	print(write, ctx, "pgmigrate_fail", moved.fail);
	print(write, ctx, "compact_migrate_scanned", compact.migrate_scanned);
	print(write, ctx, "compact_free_scanned", compact.free_scanned);
	print(write, ctx, "compact_stall", compact.stall);
	print(write, ctx, "compact_fail", compact.fail);
	print(write, ctx, "compact_success", compact.success);
	print(write, ctx, "compact_daemon_wake", compact.daemon_wake);
	print(write, ctx, "compact_daemon_migrate_scanned", compact.daemon_migrate_scanned);
	print(write, ctx, "compact_daemon_free_scanned", compact.daemon_free_scanned);
}

void quarry_report_vmstat(quarry_write_fn write, void *ctx)
{
	unsigned long taken[MAX_NR_ZONES] = {0}, given = 0;

	for_every_populated_zone (zone) {
		struct page_count traffic = zone_traffic(zone);
		taken[zone->type] += traffic.taken;
		given += traffic.given;
	}
	print(write, ctx, "nr_free_pages", nr_free_pages());
	print(write, ctx, "nr_slab_reclaimable", slab_pages(true));
	print(write, ctx, "nr_slab_unreclaimable", slab_pages(false));
	print(write, ctx, "nr_page_table_pages", pgtable_pages());
	print(write, ctx, "vmap_flush", quarry_vmap_flushes());
	for (unsigned type = 0; type < MAX_NR_ZONES; type++)
		mm_print(write, ctx, "pgalloc_%s %lu\n", zone_words[type], taken[type]);
	for (unsigned type = 0; type < MAX_NR_ZONES; type++)
		mm_print(write, ctx, "allocstall_%s %lu\n", zone_words[type],
			 slowpath_stalls((enum zone_type)type));
	print(write, ctx, "pgfree", given);
	print_reclaim(write, ctx);
	print_moves(write, ctx);
	print_cma(write, ctx);
}
