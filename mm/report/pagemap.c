/* SPDX-License-Identifier: MIT */
/*
 * pagemap.c: a picture of physical memory, one character for an equal share of the frames.
 *
 *   physical memory, 64 KiB a character
 *   0x0000000000100000 RRUUs.ssp......
 *   0x0000000000900000 ......vvvvvt...
 *   . free  p parked on a CPU ...
 *
 * A cell (the share of one character) shows what most of its frames are. At most SAMPLES frames of
 * it, evenly spread, are looked at, so a large machine costs no more than a small one; with up to
 * SAMPLES frames a cell the picture is exact. Kinds are read without a lock: a moment old perhaps.
 *
 * Start at quarry_report_pagemap.
 */
#include <quarry/report.h>

#include "mm/report/frame.h"

#include "mm/base/bits.h"
#include "mm/base/log.h"

#define SAMPLES 64u
#define WIDTH_MAX 128u
#define WIDTH_DEFAULT 64u
#define ROWS_DEFAULT 16u

static const struct {
	char symbol;
	const char *meaning;
} cell_kinds[NR_FRAME_KINDS] = {
	[QUARRY_PAGE_INNER] = { '?', NULL },
	[QUARRY_PAGE_FREE] = { '.', "free" },
	[QUARRY_PAGE_PARKED] = { 'p', "parked on a CPU" },
	[QUARRY_PAGE_USED] = { 'U', "used" },
	[QUARRY_PAGE_MOVABLE] = { 'M', "movable" },
	[QUARRY_PAGE_RESERVED] = { 'R', "reserved" },
	[QUARRY_PAGE_SLAB] = { 's', "slab" },
	[QUARRY_PAGE_LARGE] = { 'L', "large kmalloc" },
	[QUARRY_PAGE_VMALLOC] = { 'v', "vmalloc" },
	[QUARRY_PAGE_TABLE] = { 't', "page table" },
	[QUARRY_PAGE_ISOLATED] = { 'i', "isolated" },
	[QUARRY_PAGE_OFFLINE] = { 'o', "offline" },
	[FRAME_TABLES] = { 'm', "page array" },
	[FRAME_UNKNOWN] = { ' ', NULL },
};

/* The character of frames [first, end). */
static char cell_symbol(unsigned long first, unsigned long end)
{
	unsigned long step = (end - first + SAMPLES - 1) / SAMPLES;
	unsigned long extents = (frames_in_extents(first, end) + step - 1) / step;
	unsigned long count[NR_FRAME_KINDS] = { 0 };
	unsigned best = FRAME_UNKNOWN;

	for (unsigned long pfn = first; pfn < end; pfn += step)
		count[frame_kind(pfn)]++;
	/* Samples in extents were taken for unknown, or for tables where those describe a hole. */
	for (unsigned kind = FRAME_UNKNOWN; kind >= FRAME_TABLES; kind--) {
		unsigned long moved = (unsigned long)min_u64(extents, count[kind]);
		count[kind] -= moved;
		count[QUARRY_PAGE_FREE] += moved;
		extents -= moved;
	}
	for (unsigned kind = 0; kind < NR_FRAME_KINDS; kind++)
		if (count[kind] > count[best])
			best = kind;
	return cell_kinds[best].symbol;
}

/* The frames that the zones span. Return: false if there are none. */
static bool frames_spanned(unsigned long *first, unsigned long *end)
{
	*first = ~0ul;
	*end = 0;
	for_every_populated_zone(zone) {
		*first = (unsigned long)min_u64(*first, zone_start_pfn(zone));
		*end = (unsigned long)max_u64(*end, zone_end_pfn(zone));
	}
	return *first < *end;
}

static void print_row(quarry_write_fn write, void *ctx, unsigned long pfn, unsigned width,
		      unsigned long share)
{
	char row[WIDTH_MAX + 1];
	bool empty = true;

	for (unsigned i = 0; i < width; i++) {
		row[i] = cell_symbol(pfn + i * share, pfn + (i + 1) * share);
		empty &= row[i] == ' ';
	}
	row[width] = '\0';
	if (!empty)
		mm_print(write, ctx, "0x%016llx %s\n", (unsigned long long)PFN_PHYS(pfn), row);
}

static void print_legend(quarry_write_fn write, void *ctx)
{
	for (unsigned kind = 0; kind < NR_FRAME_KINDS; kind++)
		if (cell_kinds[kind].meaning)
			mm_print(write, ctx, "%c %s  ", cell_kinds[kind].symbol,
				 cell_kinds[kind].meaning);
	mm_print(write, ctx, "blank: not ours\n");
}

void quarry_report_pagemap(quarry_write_fn write, void *ctx, unsigned width, unsigned rows)
{
	unsigned long first, end, share = 1;

	width = (unsigned)min_u64(width ? width : WIDTH_DEFAULT, WIDTH_MAX);
	rows = rows ? rows : ROWS_DEFAULT;
	if (!frames_spanned(&first, &end))
		return;
	/* The smallest power of two that suffices: rows then start at round addresses. */
	while (end - align_down(first, share) > share * width * rows)
		share *= 2;
	first = (unsigned long)align_down(first, share);
	mm_print(write, ctx, "physical memory, %lu KiB a character\n", share << (PAGE_SHIFT - 10));
	for (unsigned long pfn = first; pfn < end; pfn += share * width)
		print_row(write, ctx, pfn, width, share);
	print_legend(write, ctx);
}
