/* SPDX-License-Identifier: MIT */
/*
 * boot_model.h: a plain model of a memory map, one frame at a time, to compare the normaliser with.
 */
#ifndef BOOT_MODEL_H
#define BOOT_MODEL_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <quarry/debug.h>
#include <quarry/init.h>

#include "mm/boot/memmap.h"

#define FRAME PAGE_SIZE
#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

enum { ABSENT = 0, LATER = 1, USABLE = 2 };

/* What a byte or a frame is: 0 if not ours, else type * 64 + node + 1. */
static inline unsigned kind_of(unsigned type, unsigned node)
{
	return type * 64 + node + 1;
}

static inline unsigned model_byte(const struct quarry_mem_range *map, size_t nr, uint64_t x)
{
	bool reserved = x < FRAME, later = false, usable = false;
	unsigned node = 0;

	for (size_t i = nr;
	     i-- > 0;) { /* backwards: the first entry has the last word on the node */
		/*
		 * x is in the entry iff its distance from the base is below the size; no wrapping.
		 */
		if (x < map[i].base || x - map[i].base >= map[i].size)
			continue;
		if (map[i].type == QUARRY_MEM_USABLE)
			usable = true;
		else if (map[i].type == QUARRY_MEM_LATER)
			later = true;
		else
			reserved = true;
		if (map[i].type == QUARRY_MEM_USABLE || map[i].type == QUARRY_MEM_LATER)
			node = map[i].node < QUARRY_MAX_NODES ? map[i].node : 0;
	}
	if (reserved || (!later && !usable))
		return ABSENT;
	return kind_of(later ? LATER : USABLE, node);
}

/* Exact if every edge of the map is at most one byte away from the start of a frame. */
static inline unsigned model_frame(const struct quarry_mem_range *map, size_t nr, uint64_t pfn)
{
	uint64_t x = pfn << PAGE_SHIFT;
	unsigned kind = model_byte(map, nr, x);

	if (model_byte(map, nr, x + 1) != kind || model_byte(map, nr, x + FRAME - 1) != kind)
		return ABSENT;
	return kind;
}

static inline uint64_t model_random(uint64_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state;
}

#endif
