/* SPDX-License-Identifier: MIT */
/*
 * memmap.c: the one normaliser behind every source of a memory map.
 *
 * The tables may be in any order, overlap, repeat, be empty, start and end inside pages, run past
 * the top of the address space, and have any number of entries. Their meaning goes byte by byte:
 *
 *   Byte      reserved  if an entry of type RESERVED, or of an unknown type, covers it, or it is in
 *                       page 0
 *             later     else, if a LATER entry covers it: the stricter type wins, so a second entry
 *                       can announce a part of a usable range as LATER
 *             usable    else, if a USABLE entry covers it
 *             absent    else
 *   Node      of a later or usable byte: that of the first LATER or USABLE entry in the table that
 *             covers it; 0 if the entry names a node that this build does not have
 *   Frame     belongs to a span iff all its bytes have the same type and node: usable memory is
 *             trimmed inward, reserved memory grows outward, and two entries that meet inside a
 *             page make it whole
 *   Entry     one that would wrap past 2^64 ends there
 *
 * Nothing is sorted or stored. From a position, one scan of the tables finds what covers it and
 * where that may change next (a run); spans are runs of one kind joined together.
 *
 * Invariants  I1  spans ascend and are disjoint; neighbours that touch differ in node or type
 * Cost        O(entries) for each run passed; the whole map O(entries^2), whatever its bytes
 * Start at    memmap_next
 */
#include "mm/boot/memmap.h"

#include "mm/base/bits.h"

/* Bytes from a position up to and including `last`, all covered alike. */
struct run {
	uint64_t last;
	enum quarry_mem_type type; /* RESERVED also stands for absent: neither is ours */
	unsigned node;
};

static uint64_t last_byte(const struct quarry_mem_range *entry)
{
	uint64_t last = entry->base + (entry->size - 1);

	return last < entry->base ? UINT64_MAX : last;
}

/* The run at byte `x`. */
static struct run run_at(const struct memmap *map, enum memmap_view view, uint64_t x)
{
	struct run run = {.last = UINT64_MAX, .type = QUARRY_MEM_RESERVED};
	bool kept = false, later = false, reserved = x < PAGE_SIZE;

	if (reserved)
		run.last = PAGE_SIZE - 1;
	for (size_t i = 0; i < map->nr_map + map->nr_early; i++) {
		bool early = i >= map->nr_map;
		const struct quarry_mem_range *entry =
			early ? &map->early[i - map->nr_map] : &map->map[i];
		bool memory = entry->type == QUARRY_MEM_USABLE || entry->type == QUARRY_MEM_LATER;

		if (entry->size == 0 || last_byte(entry) < x)
			continue;
		if (early && !memory && view == MEMMAP_KEPT)
			continue;
		if (entry->base > x) {
			run.last = min_u64(run.last, entry->base - 1);
			continue;
		}
		run.last = min_u64(run.last, last_byte(entry));
		if (memory && !kept)
			run.node = entry->node < QUARRY_MAX_NODES ? entry->node : 0;
		kept |= memory;
		reserved |= !memory;
		later |= entry->type == QUARRY_MEM_LATER;
	}
	if (kept && !reserved)
		run.type = later ? QUARRY_MEM_LATER : QUARRY_MEM_USABLE;
	return run;
}

/* Extend `run` by the runs behind it that are of the same kind. */
static void run_join(const struct memmap *map, enum memmap_view view, struct run *run)
{
	while (run->last != UINT64_MAX) {
		struct run next = run_at(map, view, run->last + 1);

		if (next.type != run->type || next.node != run->node)
			break;
		run->last = next.last;
	}
}

static bool is_wanted(const struct run *run, enum memmap_view view)
{
	return run->type == QUARRY_MEM_USABLE ||
	       (run->type == QUARRY_MEM_LATER && view == MEMMAP_KEPT);
}

uint64_t memmap_reach(const struct quarry_params *params)
{
	uint64_t bytes = min_u64(1ull << QUARRY_ARCH_PHYS_BITS, 1ull << (32 + PAGE_SHIFT));

	if (params->direct_map_limit)
		bytes = min_u64(bytes, params->direct_map_limit);
	if (params->direct_map_offset)
		bytes = min_u64(bytes, 0 - (uint64_t)params->direct_map_offset);
	return bytes >> PAGE_SHIFT;
}

bool memmap_next(const struct memmap *map, enum memmap_view view, uint64_t end_pfn,
		 uint64_t *cursor, struct mem_span *span)
{
	if (*cursor >= end_pfn)
		return false;
	for (uint64_t x = *cursor << PAGE_SHIFT;;) {
		struct run run = run_at(map, view, x);

		if (is_wanted(&run, view)) {
			uint64_t start_pfn = (x >> PAGE_SHIFT) + ((x & ~PAGE_MASK) != 0), after;

			run_join(map, view, &run);
			/* The frame after the last whole one. */
			after = (run.last >> PAGE_SHIFT) + ((run.last & ~PAGE_MASK) == ~PAGE_MASK);
			after = min_u64(after, end_pfn);
			if (start_pfn < after) {
				*span = (struct mem_span){start_pfn, after, run.node,
							  run.type == QUARRY_MEM_LATER};
				*cursor = after;
				return true;
			}
		}
		if (run.last >> PAGE_SHIFT >= end_pfn || run.last == UINT64_MAX)
			break;
		x = run.last + 1;
	}
	*cursor = end_pfn;
	return false;
}
