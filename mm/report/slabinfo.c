/* SPDX-License-Identifier: MIT */
/*
 * slabinfo.c: one row a cache, in layout 2.1.
 *
 *   active_objs    objects that callers have; those in CPUs' stocks are free ones
 *   objsize        bytes from one object to the next
 *   objperslab, pagesperslab     of the preferred shape; under pressure slabs may be smaller
 *   limit, batchcount            capacity and batch of a CPU's stock; sharedfactor, sharedavail: 0
 *   active_slabs   slabs with an object taken
 *
 * Names of creators that share a cache follow, a comment line each.
 *
 * slabs is ours:  slabs' bytes == active * object_size + free objects' slots + lost
 */
#include <quarry/report.h>

#include "mm/base/log.h"
#include "mm/slab/slab.h"

void quarry_report_slabinfo(quarry_write_fn write, void *ctx)
{
	char alias[QUARRY_CACHE_NAME_MAX + 1], of[QUARRY_CACHE_NAME_MAX + 1];
	struct slab_info info;

	mm_print(write, ctx, "slabinfo - version: 2.1\n");
	mm_print(write, ctx, "# name            <active_objs> <num_objs> <objsize> <objperslab> "
			     "<pagesperslab> : tunables <limit> <batchcount> <sharedfactor> : ");
	mm_print(write, ctx, "slabdata <active_slabs> <num_slabs> <sharedavail>\n");
	for (uint32_t cursor = 0; slab_info_next(&cursor, &info);) {
		mm_print(write, ctx, "%-17s %6lu %6lu %6u %4u %4u", info.name, info.active,
			 info.total, info.size, info.objects_per_slab, info.pages_per_slab);
		mm_print(write, ctx, " : tunables %4u %4u %4u : slabdata %6lu %6lu %6lu\n",
			 info.stock_cap, info.stock_batch, 0u, info.slabs - info.empty_slabs,
			 info.slabs, 0ul);
	}
	for (unsigned n = 0; slab_alias(n, alias, of); n++)
		mm_print(write, ctx, "# alias %s = %s\n", alias, of);
}

/* Bytes of a cache's slabs: all, and what of them callers do not have. */
struct slab_bytes {
	unsigned long all, free, lost;
};

static struct slab_bytes bytes_of(const struct slab_info *info)
{
	unsigned long used = (info->active - info->guarded) * info->object_size;
	struct slab_bytes bytes = {.all = info->pages << PAGE_SHIFT};

	bytes.free = (info->total - info->active) * info->size;
	/* Nodes are read one after another, so on a busy machine it may not add up. */
	if (bytes.all > bytes.free + used)
		bytes.lost = bytes.all - bytes.free - used;
	return bytes;
}

static unsigned long percent(unsigned long part, unsigned long all)
{
	return all ? (unsigned long)((uint64_t)part * 100 / all) : 0;
}

void quarry_report_slabs(quarry_write_fn write, void *ctx)
{
	struct slab_bytes sum = {0};
	struct slab_info info;

	mm_print(write, ctx, "# name                 objsize   active      KiB  free KiB  lost KiB "
			     "in stocks   misses fetched hits >=\n");
	for (uint32_t cursor = 0; slab_info_next(&cursor, &info);) {
		struct slab_bytes bytes = bytes_of(&info);

		sum.all += bytes.all;
		sum.free += bytes.free;
		sum.lost += bytes.lost;
		mm_print(write, ctx, "%-22s %7u %8lu %8lu %9lu %9lu %9lu ", info.name,
			 info.object_size, info.active, bytes.all >> 10, bytes.free >> 10,
			 bytes.lost >> 10, info.in_stocks);
		mm_print(write, ctx, "%8lu %7lu %6lu%%\n", info.misses,
			 info.misses ? info.fetched / info.misses : 0,
			 percent(info.fetched - info.misses, info.fetched));
	}
	mm_print(write, ctx, "%-39s %8lu %9lu %9lu\n", "total", sum.all >> 10, sum.free >> 10,
		 sum.lost >> 10);
}
