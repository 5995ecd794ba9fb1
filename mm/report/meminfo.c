/* SPDX-License-Identifier: MIT */
/*
 * meminfo.c: totals in KiB, under Linux's names.
 *
 *   MemTotal       what the page allocator manages
 *   MemFree        in the zones; what CPUs park is not in it, as on Linux
 *   MemAvailable   what new requests can have without using reserves (sysinfo.c)
 *   Slab           pages of caches, those that wait for readers too. On Linux kmalloc's large
 *                  blocks are in SUnreclaim; here in none of these
 *   PageTables     tables of the vmalloc range
 *   Percpu         arrays of the CPUs for parked pages, and objects of alloc_percpu
 *   VmallocUsed    pages behind vmalloc areas; VmallocChunk is 0, as on Linux since 4.3
 */
#include <quarry/cma.h>
#include <quarry/report.h>

#include "mm/base/log.h"
#include "mm/ext/percpu.h"
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

void quarry_report_meminfo(quarry_write_fn write, void *ctx)
{
	unsigned long reclaimable = slab_pages(true), unreclaimable = slab_pages(false);
	unsigned long cpus = percpu_pages();
	struct quarry_cma_totals cma;

	for_each_online_cpu(cpu)
		cpus += pcp_cpu_pages(cpu);
	quarry_cma_info(&cma);
	print_kib(write, ctx, "MemTotal:", kib(totalram_pages()));
	print_kib(write, ctx, "MemFree:", kib(nr_free_pages()));
	print_kib(write, ctx, "MemAvailable:", kib((unsigned long)si_mem_available()));
	print_kib(write, ctx, "KReclaimable:", kib(reclaimable));
	print_kib(write, ctx, "Slab:", kib(reclaimable + unreclaimable));
	print_kib(write, ctx, "SReclaimable:", kib(reclaimable));
	print_kib(write, ctx, "SUnreclaim:", kib(unreclaimable));
	print_kib(write, ctx, "PageTables:", kib(pgtable_pages()));
	print_kib(write, ctx, "VmallocTotal:", (vmap_area_end() - vmap_area_start()) >> 10);
	print_kib(write, ctx, "VmallocUsed:", kib(vmalloc_nr_pages()));
	print_kib(write, ctx, "VmallocChunk:", 0);
	print_kib(write, ctx, "Percpu:", kib(cpus));
	print_kib(write, ctx, "CmaTotal:", kib(cma.total));
	print_kib(write, ctx, "CmaFree:", kib(cma.free));
}
