/* SPDX-License-Identifier: MIT */
/*
 * validate.c: the whole library checked, layer by layer, from pages upward.
 *
 * What must always hold stands beside each struct, as numbered equations, and is checked in the
 * layer that owns the struct:
 *   zones, free lists, extents, pageblocks   mm/phys/zone.h     zone_check
 *   pages parked on CPUs                     mm/phys/pcp.h      pcp_check
 *   slabs, caches, stocks of objects         mm/slab/kmem_cache.h      slab_check
 *   areas, page tables                       mm/vmap/vmap_chunk.h, vmap_area.c, vmap.c   vmap_check
 *   objects for each CPU                     mm/ext/percpu.c    percpu_check
 * Each broken invariant is one report of rule VALIDATE: `call` names check and invariant, the
 * subject is the structure, and the two numbers are what was found and what was expected.
 */
#include <quarry/debug.h>

#include "mm/base/log.h"
#include "mm/ext/percpu.h"
#include "mm/phys/pcp.h"
#include "mm/phys/zone_check.h"
#include "mm/slab/slab.h"
#include "mm/vmap/vmap.h"

unsigned long mm_check(void)
{
	unsigned long broken = zone_check() + pcp_check() + slab_check() + vmap_check() +
			       percpu_check();

	if (broken)
		mm_log(QUARRY_LOG_ERR, "quarry: mm_check: %lu broken invariants", broken);
	return broken;
}
