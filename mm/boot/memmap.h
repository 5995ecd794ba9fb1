/* SPDX-License-Identifier: MIT */
/*
 * memmap.h: a hostile memory map, read as an ascending sequence of disjoint spans of whole page
 * frames.
 */
#ifndef QUARRY_MM_BOOT_MEMMAP_H
#define QUARRY_MM_BOOT_MEMMAP_H

#include <quarry/arch.h>
#include <quarry/init.h>

/* Frame numbers that a 64-bit address can have: the end of a map that is not cut. */
#define MEMMAP_END_PFN (1ull << (64 - PAGE_SHIFT))

/*
 * The two tables that make up the map. `early` is what the kernel did through quarry/memblock.h:
 * memory added, and RESERVED entries that keep their struct pages and are only not free.
 */
struct memmap {
	const struct quarry_mem_range *map, *early;
	size_t nr_map, nr_early;
};

/* Frames [start_pfn, end_pfn), all of one node and one type. */
struct mem_span {
	uint64_t start_pfn, end_pfn;
	unsigned node;
	bool later; /* QUARRY_MEM_LATER, else QUARRY_MEM_USABLE */
};

enum memmap_view {
	MEMMAP_KEPT, /* usable and later memory: what gets struct pages */
	MEMMAP_FREE, /* usable memory that no early entry reserves */
};

/*
 * First frame number that this machine cannot use: the CPU's address bits, the end of the direct
 * map and of the virtual address space behind it, and 32-bit frame numbers (16 TiB) bound it.
 */
uint64_t memmap_reach(const struct quarry_params *params) QUARRY_INT(memmap_reach);

/*
 * The first span of `view` in [*cursor, end_pfn), cut to that window; *cursor moves to its end.
 * Start with the lowest frame wanted, at most MEMMAP_END_PFN.
 * Return: false when there is none left.
 */
bool memmap_next(const struct memmap *map, enum memmap_view view, uint64_t end_pfn,
		 uint64_t *cursor, struct mem_span *span) QUARRY_INT(memmap_next);

#endif
