/* SPDX-License-Identifier: MIT */
/*
 * fragindex.c: counting free blocks, and two divisions.
 */
#include "mm/phys/fragindex.h"

void free_shape_of(struct zone *zone, struct free_shape *shape)
{
	__builtin_memset(shape, 0, sizeof(*shape));
	unsigned long irq = zone_lock(zone);
	shape->blocks[MAX_PAGE_ORDER] = zone->extent_blocks;
	for (unsigned order = 0; order < NR_PAGE_ORDERS; order++)
		for (unsigned type = 0; type < MIGRATE_ISOLATE; type++)
			shape->blocks[order] += zone->count[order][type];
	zone_unlock(zone, irq);

	for (unsigned order = 0; order < NR_PAGE_ORDERS; order++) {
		shape->all_blocks += shape->blocks[order];
		shape->pages += shape->blocks[order] << order;
	}
}

static unsigned long fitting_pages(const struct free_shape *shape, unsigned order)
{
	unsigned long pages = 0;

	for (; order < NR_PAGE_ORDERS; order++)
		pages += shape->blocks[order] << order;
	return pages;
}

int unusable_index(const struct free_shape *shape, unsigned order)
{
	if (!shape->pages)
		return FRAG_ONE;
	return (int)((shape->pages - fitting_pages(shape, order)) * FRAG_ONE / shape->pages);
}

int extfrag_index(const struct free_shape *shape, unsigned order)
{
	if (!shape->all_blocks)
		return 0;
	if (fitting_pages(shape, order))
		return -FRAG_ONE;
	unsigned long possible = FRAG_ONE + (shape->pages * FRAG_ONE >> order);
	unsigned long few = possible / shape->all_blocks;
	return few < FRAG_ONE ? (int)(FRAG_ONE - few) : 0;
}
