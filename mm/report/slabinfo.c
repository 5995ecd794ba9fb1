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
