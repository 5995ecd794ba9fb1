/* SPDX-License-Identifier: MIT */
/*
 * meminfo.c: totals in KiB, under Linux's names.
 *
 *   MemTotal       what the page allocator manages
 *   MemFree        in the zones; what CPUs park is not in it, as on Linux
 *   MemAvailable   what new requests can have without using reserves: free and parked pages above
 *                  each zone's high mark and its largest reserve, and reclaimable slabs less the
 *                  part that will not come back (half of them, or the low marks if that is less)
 *   PageTables     tables of the vmalloc range
 *   Percpu         arrays of the CPUs for parked pages
 *   VmallocUsed    pages behind vmalloc areas; VmallocChunk is 0, as on Linux since 4.3
 */
#include <quarry/report.h>

#include "mm/base/bits.h"
#include "mm/base/log.h"
#include "mm/phys/pageblock.h"
#include "mm/phys/pcp.h"
#include "mm/slab/slab.h"
#include "mm/vmap/pgtable.h"
#include "mm/vmap/vmap.h"

static unsigned long kib(unsigned long pages)
{
	return pages << (PAGE_SHIFT - 10);
}

static void print_kib(quarry_write_fn write, void *ctx, const char *key, unsigned long value)
{
	mm_print(write, ctx, "%-16s%8lu kB\n", key, value);
}

/* Pages of a zone that are kept from ordinary requests. */
static unsigned long reserved_in(const struct zone *zone)
{
	unsigned long most = 0;

	for (unsigned type = 0; type < MAX_NR_ZONES; type++)
		most = (unsigned long)max_u64(most, zone->reserve[type]);
	return (unsigned long)min_u64(most + zone->mark[MARK_HIGH], zone->managed);
}

/* Pages of a CPU's arrays. One that parks nothing has none: its entry leads to reserved memory. */
static unsigned long array_pages(unsigned cpu)
{
	const struct page *head = page_of_address(page_cpus[cpu]);

	return head && page_kind(head) == QUARRY_PAGE_USED ? 1ul << page_order(head) : 0;
}

static unsigned long available(unsigned long reclaimable)
{
	unsigned long have = nr_free_pages() + nr_parked_pages(), reserved = 0, low = 0;

	for_each_populated_zone(zone) {
		reserved += reserved_in(zone);
		low += zone->mark[MARK_LOW];
	}
	have -= (unsigned long)min_u64(have, reserved);
	return have + reclaimable - (unsigned long)min_u64(reclaimable / 2, low);
}

void quarry_report_meminfo(quarry_write_fn write, void *ctx)
{
	unsigned long reclaimable = slab_pages(true), unreclaimable = slab_pages(false);
	unsigned long cpus = 0;

	for_each_online_cpu(cpu)
		cpus += array_pages(cpu);
	print_kib(write, ctx, "MemTotal:", kib(totalram_pages()));
	print_kib(write, ctx, "MemFree:", kib(nr_free_pages()));
	print_kib(write, ctx, "MemAvailable:", kib(available(reclaimable)));
	print_kib(write, ctx, "KReclaimable:", kib(reclaimable));
	print_kib(write, ctx, "Slab:", kib(reclaimable + unreclaimable));
	print_kib(write, ctx, "SReclaimable:", kib(reclaimable));
	print_kib(write, ctx, "SUnreclaim:", kib(unreclaimable));
	print_kib(write, ctx, "PageTables:", kib(pgtable_pages()));
	print_kib(write, ctx, "VmallocTotal:", (vmap_area_end() - vmap_area_start()) >> 10);
	print_kib(write, ctx, "VmallocUsed:", kib(vmalloc_nr_pages()));
	print_kib(write, ctx, "VmallocChunk:", 0);
	print_kib(write, ctx, "Percpu:", kib(cpus));
}
