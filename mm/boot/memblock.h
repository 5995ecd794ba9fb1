/* SPDX-License-Identifier: MIT */
/*
 * memblock.h: the hand-over from the memory map to the page allocator, in the order of the calls.
 *
 *   memblock_plan     pure; also behind quarry_footprint
 *   memblock_commit   the plan is taken: its metadata is not free any more
 *   memblock_kept_next, memblock_free_next   what exists, and what of it is free
 *   memblock_close    the page allocator owns everything
 */
#ifndef QUARRY_MM_BOOT_MEMBLOCK_H
#define QUARRY_MM_BOOT_MEMBLOCK_H

#include <quarry/memblock.h>

#include "mm/boot/plan.h"

/*
 * Plan the metadata of params->map and of what was done through quarry/memblock.h. Return: as
 * plan_metadata.
 */
int memblock_plan(const struct quarry_params *params, size_t extra_bytes,
		  struct memblock_plan *plan) QUARRY_INT(memblock_plan);

/*
 * Take over `plan`, computed from the same `params` (both are copied; the map is read until
 * memblock_close), and report what it clipped.
 */
void memblock_commit(const struct quarry_params *params, const struct memblock_plan *plan)
	QUARRY_INT(memblock_commit);

/*
 * The first span with struct pages at or above frame *cursor, usable or later; *cursor moves to its
 * end. Start with 0.
 */
bool memblock_kept_next(uint64_t *cursor, struct mem_span *span) QUARRY_INT(memblock_kept_next);

/* The same for free memory: usable, and neither metadata nor reserved or allocated early. */
bool memblock_free_next(uint64_t *cursor, struct mem_span *span) QUARRY_INT(memblock_free_next);

/* End of early memory: forget the map and the table. */
void memblock_close(void) QUARRY_INT(memblock_close);

#endif
