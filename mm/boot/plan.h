/* SPDX-License-Identifier: MIT */
/*
 * plan.h: where the library's own tables will lie, decided before anything is written.
 */
#ifndef QUARRY_MM_BOOT_PLAN_H
#define QUARRY_MM_BOOT_PLAN_H

#include "mm/boot/memmap.h"

struct memblock_plan {
	/*
	 * Frames described by struct pages: from the start of the first kept frame's pageblock to
	 * the end of the last kept span. Kept memory outside was clipped.
	 */
	uint64_t lo_pfn, hi_pfn;

	/*
	 * Physical addresses: of the struct page of frame 0 (biased, so it may wrap below 0), of
	 * the byte of the pageblock of lo_pfn, of the caller's area (page-aligned).
	 */
	phys_addr_t page_array, block_map, extra;
	uint64_t block_map_bytes; /* one for each pageblock that [lo_pfn, hi_pfn) touches */

	/*
	 * Frames of the page array's extent, holes included, and of the solid tail behind it
	 * (extra, block map).
	 */
	uint64_t array_pfn, tail_pfn, end_pfn;

	uint64_t usable_pages;	/* kept, metadata included */
	uint64_t later_pages;	/* kept, for quarry_add_memory */
	uint64_t clipped_pages; /* usable or later, but out of reach */
	uint64_t array_pages;	/* frames that the page array really takes */
	unsigned nr_ranges;	/* kept usable spans */
};

/*
 * Plan the metadata for all kept memory below `reach`, with `extra_bytes` for the caller.
 * Return: 0; -EINVAL if no usable page is in reach; -ENOMEM if no span can hold the tables of even
 * a part.
 */
int plan_metadata(const struct memmap *map, uint64_t reach, size_t extra_bytes,
		  struct memblock_plan *plan) QUARRY_INT(plan_metadata);

/* The first run of metadata frames that ends above frame `pfn`. Return: false if there is none. */
bool plan_metadata_next(const struct memmap *map, const struct memblock_plan *plan, uint64_t pfn,
			uint64_t *start_pfn, uint64_t *end_pfn) QUARRY_INT(plan_metadata_next);

#endif
