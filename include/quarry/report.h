/* SPDX-License-Identifier: MIT */
/*
 * report.h: what the memory looks like now, as text in Linux's formats.
 *
 * Each function writes one report, a piece at a time, so no file system and no buffer is needed;
 * scripts made for the /proc files of the same names read them. Figures are snapshots: a lock is
 * taken for one zone, cache or area at a time to copy it, never while writing, so on a busy machine
 * rows may be a moment apart. A report tells only what is true here: lines of Linux's that describe
 * parts of a system which are not ours are absent.
 *
 * Context of all: any but NMI, no lock of ours held; `write` is called in the caller's context and
 * may use the library itself.
 */
#ifndef QUARRY_REPORT_H
#define QUARRY_REPORT_H

#include <quarry/types.h>

QUARRY_BEGIN_DECLS

/* Free blocks of each order, one row a zone. */
void quarry_report_buddyinfo(quarry_write_fn write, void *ctx) QUARRY_API(report_buddyinfo);

/*
 * Free blocks of each order by mobility, then pageblocks by mobility; an isolated one counts as
 * such alone. Blocks that were never handed out are Movable. Cost: by the pageblocks of each zone's
 * span.
 */
void quarry_report_pagetypeinfo(quarry_write_fn write, void *ctx) QUARRY_API(report_pagetypeinfo);

/*
 * For each order, the share of free memory that is in blocks too small for it; and whether a
 * request that fails does so for lack of memory (near 0) or because what is free is scattered (near
 * 1); -1.000: it would find a block.
 */
void quarry_report_unusable_index(quarry_write_fn write, void *ctx)
	QUARRY_API(report_unusable_index);
void quarry_report_extfrag_index(quarry_write_fn write, void *ctx) QUARRY_API(report_extfrag_index);

/*
 * "name value" lines: pages in use for what, and events since boot. pgalloc_* and pgfree count
 * pages, allocstall_* requests that had to wait until others gave memory back.
 */
void quarry_report_vmstat(quarry_write_fn write, void *ctx) QUARRY_API(report_vmstat);

/* What show_mem() logs. */
void quarry_report_show_mem(quarry_write_fn write, void *ctx) QUARRY_API(report_show_mem);

/* Size, marks and reserves of each zone in pages, and what each CPU parks of it. */
void quarry_report_zoneinfo(quarry_write_fn write, void *ctx) QUARRY_API(report_zoneinfo);

/* Totals in KiB. MemFree leaves out what CPUs park; MemAvailable counts it. */
void quarry_report_meminfo(quarry_write_fn write, void *ctx) QUARRY_API(report_meminfo);

/* One row a cache, layout 2.1. "active" objects are those that callers have; the tunables are the
 * size and the batch of a CPU's stock. */
void quarry_report_slabinfo(quarry_write_fn write, void *ctx) QUARRY_API(report_slabinfo);

/*
 * One row a cache, what Linux's does not tell: KiB of its slabs; of these, KiB that are free
 * objects (stocks included) and KiB that are lost to rounding and to the ends of slabs; objects in
 * CPUs' stocks; requests that a stock had nothing for, objects fetched at one on the average, and
 * the share of requests that a stock served, at least: what is taken and freed by turns is served
 * too, but counted nowhere. Misses are halved before 2^31 objects were fetched.
 */
void quarry_report_slabs(quarry_write_fn write, void *ctx) QUARRY_API(report_slabs);

/* One row an area: addresses with its guard page, size, caller, pages, kind. */
void quarry_report_vmallocinfo(quarry_write_fn write, void *ctx) QUARRY_API(report_vmallocinfo);

/*
 * All that is in use: objects by cache and by the place that asked for them, large blocks, areas;
 * count, bytes, what from, site. At shutdown this is what was never freed. Places are known for
 * areas, and for caches that keep tracks (quarry_params.slab_debug: "U"); else "-". Memory that
 * the library uses itself is left out, and so are blocks of alloc_pages. (G141)
 * Cost: a walk over all objects of such a cache for each place. Return: objects, blocks, areas.
 */
unsigned long quarry_report_leaks(quarry_write_fn write, void *ctx) QUARRY_API(report_leaks);
/* The same for known places only, in the layout of Linux's allocinfo: bytes, count, site. With
 * QUARRY_ALLOCINFO the sites are "file:line func:name" of quarry/alloc_tag.h, of objects of all
 * caches, pages, areas and objects for each CPU. */
void quarry_report_allocinfo(quarry_write_fn write, void *ctx) QUARRY_API(report_allocinfo);

/* All that is known about an address, any at all: object, block, area, state, users. */
void quarry_report_object(quarry_write_fn write, void *ctx, const void *p)
	QUARRY_API(report_object);
/* The same to the log. */
void kmem_dump_obj(const void *p) QUARRY_API(kmem_dump_obj);
/* Is it an address inside an object that is in use, as far as the slabs know? */
bool kmem_valid_obj(const void *p) QUARRY_API(kmem_valid_obj);

/*
 * A picture of physical memory: at most `rows` rows of `width` (at most 128) characters, each for
 * an equal share of the frames and naming what most of them are; 0 stands for a width of 64, or 16
 * rows. Rows without memory are left out. Cost: by the number of characters, not of frames.
 */
void quarry_report_pagemap(quarry_write_fn write, void *ctx, unsigned width, unsigned rows)
	QUARRY_API(report_pagemap);

QUARRY_END_DECLS

#endif
