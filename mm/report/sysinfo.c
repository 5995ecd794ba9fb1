/* SPDX-License-Identifier: MIT */
/* sysinfo.c: the machine's totals as numbers, for code that sizes itself by memory. */
#include <quarry/mm.h>

#include "mm/base/bits.h"
#include "mm/phys/pcp.h"
#include "mm/report/figure.h"
#include "mm/slab/slab.h"

void si_meminfo(struct sysinfo *info)
{
	*info = (struct sysinfo){
		.totalram = totalram_pages(),
		.freeram = nr_free_pages(),
		.mem_unit = PAGE_SIZE,
	};
}

unsigned long nr_free_buffer_pages(void)
{
	unsigned long pages = 0;

	for_every_populated_zone (zone) {
		unsigned long managed = zone_managed(zone), high = figure(&zone->mark[MARK_HIGH]);
		if (zone->type <= ZONE_NORMAL && managed > high)
			pages += managed - high;
	}
	return pages;
}

/* Pages of a zone that are kept from ordinary requests. */
static unsigned long reserved_in(const struct zone *zone)
{
	unsigned long most = 0;

	for (unsigned type = 0; type < MAX_NR_ZONES; type++)
		most = (unsigned long)max_u64(most, figure(&zone->reserve[type]));
	return (unsigned long)min_u64(most + figure(&zone->mark[MARK_HIGH]), zone_managed(zone));
}

/*
 * Reclaimable slabs count but for the part that will not come back: half of them, or the low marks
 * if that is less.
 */
long si_mem_available(void)
{
	unsigned long have = nr_free_pages() + nr_parked_pages();
	unsigned long reclaimable = slab_pages(true), reserved = 0, low = 0;

	for_every_populated_zone (zone) {
		reserved += reserved_in(zone);
		low += figure(&zone->mark[MARK_LOW]);
	}
	have -= (unsigned long)min_u64(have, reserved);
	return (long)(have + reclaimable - (unsigned long)min_u64(reclaimable / 2, low));
}
